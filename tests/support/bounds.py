"""How soon files that stay whole can be finished at best, to hold schedules against."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace
from itertools import accumulate


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
