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

    Attributes:
        units: By their costs, those of the same cost by number.
        costs: FLOPs of each.
    """

    __slots__ = ("costs", "units")

    def __init__(self, units: Iterable[Unit]) -> None:
        # Two sorts by a number take half the time of one by a pair.
        self.units = sorted(sorted(units, key=_id), key=_cost)
        self.costs = array("d", [unit.cost for unit in self.units])

    def add(self, unit: Unit) -> None:
        """Enter a unit that is not here."""
        place = self._place(unit)
        self.units.insert(place, unit)
        self.costs.insert(place, unit.cost)

    def remove(self, unit: Unit) -> None:
        """Remove a unit that is here."""
        place = self._place(unit)
        del self.units[place]
        del self.costs[place]

    def around(self, cost: float) -> tuple[Unit | None, Unit | None]:
        """Return the costliest unit of at most `cost` FLOPs and the cheapest above it."""
        units, count = self.units, self.count_up_to(cost)
        return units[count - 1] if count else None, units[count] if count < len(units) else None

    def count_up_to(self, cost: float) -> int:
        """Return how many units cost at most so many FLOPs."""
        return bisect_right(self.costs, cost)

    def _place(self, unit: Unit) -> int:
        first = bisect_left(self.costs, unit.cost)
        if first < len(self.units) and self.units[first] is unit:
            return first
        end = bisect_right(self.costs, unit.cost, first)
        return bisect_left(self.units, unit.unit_id, first, end, key=_id)
