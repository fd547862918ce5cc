"""How fast a device is: what the screen shows, and what the policies reckon with.

The two want different things. The screen wants a steady figure over a stated window; a
policy wants the rate of this very moment, undisturbed by one odd batch and quick to see a
throttled card.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from msgspec import Struct

from tui_balancer.leases import Progress

WINDOW_SECONDS = 60.0
WINDOW_FILES = 10
"""Shown throughput covers the last 60 s or the last 10 files, whichever is more."""

SAMPLE_SECONDS = 0.5
"""Shorter batches are joined: one sample has to be long against the clock and the pipe."""

PACE_SECONDS = 10.0
"""The policies' rate is the median over so many seconds of batches.

A throttled card is followed after half of it.
"""

SAMPLE_WEIGHT_SECONDS = 2.0
"""No sample counts for more: a hiccup of any length is one voice of five or more."""

BUSY_SECONDS = 10.0
"""The utilisation shown covers about so many seconds."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Amounts per second over the shown window."""

    sequences_per_second: float
    residues_per_second: float
    flops_per_second: float


class _Mark(Struct, frozen=True, gc=False):
    seconds: float
    sequences: int
    residues: int
    cost: float


class ThroughputWindow:
    """Amounts per second over the last 60 s or 10 files of one device.

    Keeps a mark of the running totals once a second and at each file's start, so a window
    of any length costs at most 72 marks.
    """

    def __init__(self) -> None:
        self._total = _Mark(0.0, 0, 0, 0.0)
        self._seconds: deque[_Mark] = deque()
        self._files: deque[_Mark] = deque(maxlen=WINDOW_FILES)

    @property
    def residues(self) -> int:
        """Residues of all the work that was ever noted."""
        return self._total.residues

    def file_started(self, now: float) -> None:
        """Note that a file begins."""
        self.add(now, 0, 0, 0.0)
        self._files.append(self._total)

    def add(self, now: float, sequences: int, residues: int, cost: float) -> None:
        """Note work that was done since the last call."""
        total = self._total
        self._total = _Mark(
            now, total.sequences + sequences, total.residues + residues, total.cost + cost
        )
        if not self._seconds or now - self._seconds[-1].seconds >= 1.0:
            self._seconds.append(self._total)
            self._trim(now)

    def throughput(self, now: float) -> Throughput | None:
        """Return the amounts per second up to now; None before the first work was done."""
        self._trim(now)
        if not self._files or self._total.cost == 0:
            return None
        since = min([self._files[0], *self._seconds], key=lambda mark: mark.seconds)
        elapsed = now - since.seconds
        if elapsed <= 0:
            return None
        return Throughput(
            (self._total.sequences - since.sequences) / elapsed,
            (self._total.residues - since.residues) / elapsed,
            (self._total.cost - since.cost) / elapsed,
        )

    def _trim(self, now: float) -> None:
        while self._seconds and now - self._seconds[0].seconds > WINDOW_SECONDS:
            self._seconds.popleft()


class Pace:
    """The compute rate of a device at this moment, in FLOP/s, from its batches.

    Attributes:
        rate: Median over the recent samples, weighted by their time; None before the first.
    """

    __slots__ = ("_cost", "_samples", "_seconds", "_weight", "rate")

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._weight = 0.0
        self._cost = 0.0
        self._seconds = 0.0
        self.rate: float | None = None

    def add(self, cost: float, seconds: float) -> None:
        """Note that `cost` FLOPs took `seconds`; time without work counts with the next work."""
        self._cost += cost
        self._seconds += max(0.0, seconds)
        if self._cost <= 0 or self._seconds <= 0:
            return
        if self._seconds >= SAMPLE_SECONDS:
            self._keep(self._cost / self._seconds, min(self._seconds, SAMPLE_WEIGHT_SECONDS))
            self._cost = self._seconds = 0.0
        elif not self._samples:
            # Half a second of evidence is still better than a weight from a table.
            self.rate = self._cost / self._seconds

    def _keep(self, rate: float, weight: float) -> None:
        self._samples.append((rate, weight))
        self._weight += weight
        while self._weight - self._samples[0][1] >= PACE_SECONDS:
            self._weight -= self._samples.popleft()[1]
        half = self._weight / 2
        for slower, share in sorted(self._samples):
            half -= share
            if half <= 0:
                self.rate = slower
                return


class BusyShare:
    """The measured utilisation: share of the last seconds with a batch in flight.

    Fed with a worker's cumulative busy seconds; a new worker starts at zero again.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def add(self, now: float, busy_seconds: float) -> None:
        """Note a worker's cumulative busy seconds at this time."""
        if self._samples and busy_seconds < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, busy_seconds))
        while len(self._samples) > 2 and now - self._samples[1][0] >= BUSY_SECONDS:
            self._samples.popleft()

    def share(self) -> float | None:
        """Return the share in [0, 1]; None before two measurements at different times."""
        if not self._samples:
            return None
        (first, busy_before), (last, busy_now) = self._samples[0], self._samples[-1]
        if last <= first:
            return None
        return min(1.0, (busy_now - busy_before) / (last - first))


def advanced(before: Progress, after: Progress) -> Progress:
    """Return what was done between two reports; never negative, should one come twice."""
    return Progress(
        max(0, after.sequences - before.sequences),
        max(0, after.residues - before.residues),
        max(0.0, after.cost - before.cost),
    )
