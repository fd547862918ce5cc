"""The batches of a running unit: what they cost, and how they are divided among leases.

A unit's batches follow from its file and the model alone, so their numbers mean the same to
every worker, and each batch has the same bytes on any of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from tui_balancer.leases import Span, Spans


class BatchPlan:
    """What each batch of a unit costs in FLOPs; 0 for one that is there already."""

    __slots__ = ("_sums",)

    def __init__(self, costs: Iterable[float]) -> None:
        self._sums = array("d", accumulate(costs, initial=0.0))

    def __len__(self) -> int:
        return len(self._sums) - 1

    @property
    def missing(self) -> Spans:
        """All batches but those that are there already."""
        sums = self._sums
        ends = [(n, n + 1) for n in range(len(self)) if sums[n + 1] > sums[n]]
        return joined((), tuple(ends))

    def cost(self, spans: Spans) -> float:
        """Return the FLOPs of some batches."""
        return sum(self._sums[end] - self._sums[first] for first, end in spans)

    def first_cost(self, spans: Spans) -> float:
        """Return the FLOPs of the first of some batches; 0 without any."""
        return self._sums[spans[0][0] + 1] - self._sums[spans[0][0]] if spans else 0.0

    def tail_up_to(self, spans: Spans, cost: float) -> int:
        """Return of how many batches the longest tail of at most so many FLOPs consists."""
        taken = 0
        for first, end in reversed(spans):
            # The least `start` whose batches up to `end` fit into what is left.
            start = bisect_left(self._sums, self._sums[end] - cost, first, end)
            taken += end - start
            if start > first:
                break
            cost -= self._sums[end] - self._sums[first]
        return taken


def batches(spans: Spans) -> int:
    """Return how many batches there are."""
    return sum(end - first for first, end in spans)


def without_tail(spans: Spans, count: int) -> tuple[Spans, Spans]:
    """Divide batches into all but the last `count` ones, and those."""
    front = list(spans)
    back: list[Span] = []
    while count > 0:
        first, end = front.pop()
        start = max(first, end - count)
        back.insert(0, (start, end))
        count -= end - start
        if start > first:
            front.append((first, start))
    return tuple(front), tuple(back)


def joined(spans: Spans, more: Spans) -> Spans:
    """Return batches with others behind them; neighbours become one span."""
    result: list[Span] = []
    for first, end in (*spans, *more):
        if result and result[-1][1] == first:
            result[-1] = (result[-1][0], end)
        else:
            result.append((first, end))
    return tuple(result)
