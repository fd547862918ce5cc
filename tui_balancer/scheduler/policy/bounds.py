"""Lower bounds of the makespan of a set of files.

Devices of unequal speed and independent files are the scheduling problem Q||Cmax. Its
optimum is NP-hard, but these bounds are cheap, and no schedule of whole files beats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf


@dataclass(frozen=True, slots=True)
class Speed:
    """A device's true speed over time, piecewise constant.

    Attributes:
        steps: (seconds, FLOP/s) from that moment on, in order; the first at 0 seconds.
    """

    steps: tuple[tuple[float, float], ...]

    @classmethod
    def steady(cls, rate: float) -> Speed:
        """Return a constant speed."""
        return cls(((0.0, rate),))

    def finish(self, start: float, cost: float) -> float:
        """Return when work of `cost` FLOPs started at `start` finishes; inf for never."""
        ends = [seconds for seconds, _ in self.steps[1:]] + [inf]
        for (_, rate), end in zip(self.steps, ends, strict=True):
            if end <= start:
                continue
            if rate > 0 and cost <= (end - start) * rate:
                return start + cost / rate
            if end < inf:
                cost -= (end - start) * rate
                start = end
        return inf

    def work(self, start: float, end: float) -> float:
        """Return the FLOPs done between two moments."""
        return sum(
            (min(end, until) - max(start, since)) * rate
            for ((since, rate), (until, _)) in pairwise((*self.steps, (inf, 0.0)))
            if since < end and until > start
        )


def fluid_bound(costs: Sequence[float], speeds: Sequence[Speed]) -> float:
    """Return the makespan of perfectly divisible work, Σp/Σs.

    With changing speeds, the moment at which the total work done reaches Σp.
    """
    moments = sorted({seconds for speed in speeds for seconds, _ in speed.steps})
    together = tuple(
        (moment, sum(_rate_at(speed, moment) for speed in speeds)) for moment in moments
    )
    return Speed(together).finish(0.0, sum(costs))


def fluid_efficiency(
    work: Sequence[tuple[float, float]], seconds: float, away: Sequence[float] = ()
) -> float | None:
    """Return the fluid bound of completed work over the time it took, in [0, 1].

    The bound uses the devices' speeds while computing, so the loss is the time in which they did
    not compute, although they were there.

    Args:
        work: FLOPs and computing seconds of each device.
        seconds: Total time.
        away: How long each device was not there; empty if all were there all the time.

    Returns:
        The share; None if nothing was done.
    """
    worked = [
        (cost, cost / computing * max(0.0, seconds - gone))
        for (cost, computing), gone in zip(work, away or [0.0] * len(work), strict=True)
        if cost and computing
    ]
    possible = sum(most for _, most in worked)
    if not worked or seconds <= 0:
        return None
    return min(1.0, sum(cost for cost, _ in worked) / possible) if possible else 1.0


def _rate_at(speed: Speed, moment: float) -> float:
    return [rate for seconds, rate in speed.steps if seconds <= moment][-1]
