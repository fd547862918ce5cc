"""How fast all devices together were, all along."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Final

from tui_balancer.view.handle import RunSnapshot

FINEST_SECONDS: Final = 2.0
KEPT_SAMPLES: Final = 4096


class RunThroughput:
    """Residues that were embedded until when, in samples that lie evenly over the run.

    When there are too many, every other one goes and new ones come half as often: three days
    take as much memory as two hours, and are known to the minute or two.

    Attributes:
        since: When the screen began to look on; what was embedded before is known on average.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Have no samples again."""
        self._seconds = array("d")
        self._residues = array("d")
        self._interval = FINEST_SECONDS
        self.since = 0.0

    def note(self, snapshot: RunSnapshot) -> None:
        """Take a sample if it is time for one."""
        now = snapshot.elapsed_seconds
        if not snapshot.devices or (self._seconds and now - self._seconds[-1] < self._interval):
            return
        if len(self._seconds) == KEPT_SAMPLES:
            del self._seconds[1::2], self._residues[1::2]
            self._interval *= 2
        done = sum(device.residues_done for device in snapshot.devices)
        if not self._seconds and now > 0:
            # Of what was before only the sum is known: an average.
            self._seconds.append(0.0)
            self._residues.append(0.0)
            self.since = now if done else 0.0
        self._seconds.append(now)
        # What a lost node had embedded was embedded all the same.
        self._residues.append(max(done, self._residues[-1] if self._residues else 0))

    @property
    def until(self) -> float:
        """Seconds since the run began of the newest sample; 0 without any."""
        return self._seconds[-1] if self._seconds else 0.0

    def rate(self, start: float, end: float) -> float | None:
        """Return residues a second between two moments; None where nothing is known."""
        if not self._seconds:
            return None
        start, end = max(start, self._seconds[0]), min(end, self._seconds[-1])
        return (self._until(end) - self._until(start)) / (end - start) if end > start else None

    def _until(self, moment: float) -> float:
        """Return the residues until a moment between the first sample and the last."""
        after = min(bisect_right(self._seconds, moment), len(self._seconds) - 1)
        begin, end = self._seconds[after - 1], self._seconds[after]
        share = (moment - begin) / (end - begin)
        return self._residues[after - 1] + share * (
            self._residues[after] - self._residues[after - 1]
        )
