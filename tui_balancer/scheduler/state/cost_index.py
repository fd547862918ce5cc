"""Units sorted by cost, to find those that are worth moving."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import attrgetter

from tui_balancer.scheduler.model import Unit

_cost = attrgetter("cost")
_id = attrgetter("unit_id")


class CostIndex:
    """A search costs O(log n), a change besides one shift of n pointers.

    The costs stand in a separate array: a search by them then stays within a few cache
    lines, where the units lie all over memory.
    """

    __slots__ = ("_costs", "_units")

    def __init__(self, units: Iterable[Unit]) -> None:
        # Two sorts by a number take half the time of one by a pair.
        self._units = sorted(sorted(units, key=_id), key=_cost)
        self._costs = array("d", [unit.cost for unit in self._units])

    def add(self, unit: Unit) -> None:
        """Enter a unit that is not here."""
        place = self._place(unit)
        self._units.insert(place, unit)
        self._costs.insert(place, unit.cost)

    def remove(self, unit: Unit) -> None:
        """Remove a unit that is here."""
        place = self._place(unit)
        del self._units[place]
        del self._costs[place]

    def around(self, cost: float) -> tuple[Unit | None, Unit | None, int]:
        """Return the costliest unit of at most `cost` FLOPs, the cheapest above it, and a count.

        That is the number of units of at most `cost` FLOPs.
        """
        units, count = self._units, bisect_right(self._costs, cost)
        below = units[count - 1] if count else None
        above = units[count] if count < len(units) else None
        return below, above, count

    def _place(self, unit: Unit) -> int:
        first = bisect_left(self._costs, unit.cost)
        if first < len(self._units) and self._units[first] is unit:
            return first
        end = bisect_right(self._costs, unit.cost, first)
        return bisect_left(self._units, unit.unit_id, first, end, key=_id)
