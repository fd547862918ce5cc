"""Throughput of each device over the last half hour."""

from __future__ import annotations

from collections import deque
from typing import Final

from tui_balancer.view.handle import RunSnapshot

SAMPLE_SECONDS: Final = 2.0
KEPT_SAMPLES: Final = 900


class ThroughputHistory:
    """Residues per second of each device, a sample every two seconds.

    A sample counts the residues embedded in its two seconds; it is not the smoothed rate of the
    device table, so a pause shows at once.

    Attributes:
        taken: How many samples were taken.
    """

    def __init__(self) -> None:
        self._samples: dict[str, deque[float]] = {}
        self.taken = 0
        self._last: tuple[float, dict[str, int]] | None = None

    def note(self, snapshot: RunSnapshot) -> None:
        """Take a sample if one is due."""
        now = snapshot.elapsed_seconds
        done = {device.device: device.residues_done for device in snapshot.devices}
        if self._last is None or not done:
            self._last = (now, done)
            return
        before, done_before = self._last
        elapsed = now - before
        if elapsed < SAMPLE_SECONDS:
            return
        repeats = min(KEPT_SAMPLES, int(elapsed / SAMPLE_SECONDS))
        self.taken += repeats
        for device, residues in done.items():
            rate = max(0, residues - done_before.get(device, residues)) / elapsed
            samples = self._samples.setdefault(device, deque(maxlen=KEPT_SAMPLES))
            samples.extend([rate] * repeats)
        self._last = (now, done)

    def forget(self) -> None:
        """Remove all samples."""
        self._samples.clear()
        self.taken = 0
        self._last = None

    def recent(self, device: str, count: int) -> tuple[float, ...]:
        """Return the last samples of a device, oldest first; fewer if there are not enough."""
        samples = self._samples.get(device, ())
        skipped = max(0, len(samples) - count)
        return tuple(samples)[skipped:]

    def averages(self, device: str, samples: int, count: int) -> list[float]:
        """Return the last averages over groups of samples, oldest first.

        Groups always begin at the same samples: the newest one may have fewer.
        """
        kept = self._samples.get(device, ())
        first = self.taken - len(kept)
        sums: dict[int, list[float]] = {}
        for number, rate in enumerate(kept, first):
            sums.setdefault(number // samples, []).append(rate)
        return [sum(rates) / len(rates) for rates in sums.values()][-count:]
