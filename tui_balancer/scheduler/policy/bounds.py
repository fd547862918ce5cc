"""How soon a set of files can be finished at best, whoever distributes them.

Devices of unequal speed and independent files are the scheduling problem Q||Cmax. Its
optimum is NP-hard, but these bounds are cheap, and no schedule of whole files beats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import accumulate, pairwise
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
        """Return a speed that never changes."""
        return cls(((0.0, rate),))

    def finish(self, start: float, cost: float) -> float:
        """Return when work of `cost` FLOPs begun at `start` is finished; inf for never."""
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
    """Return the seconds until all work is done if it could be poured over the devices, Σp/Σs.

    With speeds that change, the moment at which the sum of all work done reaches Σp.
    """
    moments = sorted({seconds for speed in speeds for seconds, _ in speed.steps})
    together = tuple(
        (moment, sum(_rate_at(speed, moment) for speed in speeds)) for moment in moments
    )
    return Speed(together).finish(0.0, sum(costs))


def fluid_efficiency(work: Sequence[tuple[float, float]], seconds: float) -> float | None:
    """Return the fluid bound of work that was done over the time it took, in [0, 1].

    The bound takes the devices at the speeds that they showed while computing, so what is lost is
    all the time in which they did not compute.

    Args:
        work: Of each device the FLOPs that it did, and the seconds that it computed.
        seconds: What all of it took.

    Returns:
        None where nothing was done.
    """
    worked = [(cost, computing) for cost, computing in work if cost and computing]
    if not worked or seconds <= 0:
        return None
    speed = sum(cost / computing for cost, computing in worked)
    return min(1.0, sum(cost for cost, _ in worked) / speed / seconds)


def whole_file_bound(costs: Sequence[float], rates: Sequence[float]) -> float:
    """Return a lower bound in seconds for files that stay whole, on devices of steady speed.

    The greatest of three, with p the costs and s the rates in descending order:

    - Σp/Σs: all devices are busy all the time.
    - Σ_{j≤k} p_j / Σ_{i≤k} s_i for k < m: at any moment, k files run on at most k devices.
      With the first this is the optimum with preemption (Horvath, Lam and Sethi 1977, "A
      level algorithm for preemptive scheduling", J. ACM 24:32).
    - p_k · t_k, where t_k is the k-th smallest of all j/s_i with j = 1, 2, …: by time T device
      i holds at most floor(s_i·T/p_k) of the k largest files, each of which has at least p_k
      (pigeonhole).

    Args:
        costs: FLOPs of the files.
        rates: FLOP/s of the devices, positive.
    """
    p = sorted(costs, reverse=True)
    s = sorted(rates, reverse=True)
    even = sum(p) / sum(s)
    crowded = max((a / b for a, b in zip(accumulate(p), accumulate(s), strict=False)), default=0.0)
    # The first k files on the first k devices; with k = m and fewer devices than files, the
    # sums would leave out files, which only makes the bound weaker, never wrong.
    return max(even, crowded, _pigeonhole(p, s))


def _pigeonhole(costs: Sequence[float], rates: Sequence[float]) -> float:
    slots = [(1 / rate, rate) for rate in rates]
    heapify(slots)
    bound = 0.0
    for cost in costs:
        moment, rate = slots[0]
        bound = max(bound, cost * moment)
        heapreplace(slots, (moment + 1 / rate, rate))
    return bound


def _rate_at(speed: Speed, moment: float) -> float:
    return [rate for seconds, rate in speed.steps if seconds <= moment][-1]
