"""Throughput of all devices together over the whole run."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Final

from tui_balancer.view.handle import RunSnapshot

FINEST_SECONDS: Final = 2.0
KEPT_SAMPLES: Final = 4096


class RunThroughput:
    """Residues embedded over time, in evenly spaced samples.

    When there are too many, every other one is dropped and new ones are taken half as often:
    three days take as much memory as two hours, at a resolution of a minute or two.

    Attributes:
        since: When the screen was opened; only an average is known before it.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Remove all samples."""
        self._seconds = array("d")
        self._residues = array("d")
        self._interval = FINEST_SECONDS
        self.since = 0.0

    def note(self, snapshot: RunSnapshot) -> None:
        """Take a sample if one is due."""
        now = snapshot.elapsed_seconds
        if not snapshot.devices or (self._seconds and now - self._seconds[-1] < self._interval):
            return
        if len(self._seconds) == KEPT_SAMPLES:
            del self._seconds[1::2], self._residues[1::2]
            self._interval *= 2
        done = sum(device.residues_done for device in snapshot.devices)
        if not self._seconds and now > 0:
            # Only the sum is known for the time before: an average.
            self._seconds.append(0.0)
            self._residues.append(0.0)
            self.since = now if done else 0.0
        self._seconds.append(now)
        # The work of a lost node counts too.
        self._residues.append(max(done, self._residues[-1] if self._residues else 0))

    @property
    def until(self) -> float:
        """Seconds from the run's start to the newest sample; 0 without samples."""
        return self._seconds[-1] if self._seconds else 0.0

    def rate(self, start: float, end: float) -> float | None:
        """Return residues per second between two moments; None if unknown."""
        if not self._seconds:
            return None
        start, end = max(start, self._seconds[0]), min(end, self._seconds[-1])
        return (self._until(end) - self._until(start)) / (end - start) if end > start else None

    def _until(self, moment: float) -> float:
        """Return the residues embedded until a moment between the first and the last sample."""
        after = min(bisect_right(self._seconds, moment), len(self._seconds) - 1)
        begin, end = self._seconds[after - 1], self._seconds[after]
        share = (moment - begin) / (end - begin)
        return self._residues[after - 1] + share * (
            self._residues[after] - self._residues[after - 1]
        )
