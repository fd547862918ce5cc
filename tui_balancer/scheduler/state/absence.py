"""The time in which a device was drained, which is no loss of efficiency."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Absence:
    """How long a device was drained.

    Attributes:
        since: When it was drained, in seconds of the run; None while it is not.
    """

    since: float | None = None
    _stretches: tuple[tuple[float, float], ...] = ()

    def begin(self, now: float) -> None:
        """Note that it is drained from now on."""
        if self.since is None:
            self.since = now

    def end(self, now: float) -> None:
        """Note that it is not drained any more."""
        if self.since is not None:
            self._stretches = (*self._stretches, (self.since, now))
            self.since = None

    def within(self, start: float, end: float) -> float:
        """Return the seconds between two moments in which it was drained."""
        stretches = self._stretches
        if self.since is not None:
            stretches = (*stretches, (self.since, end))
        return sum(max(0.0, min(end, to) - max(start, since)) for since, to in stretches)
