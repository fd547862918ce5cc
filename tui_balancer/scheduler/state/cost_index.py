"""Units sorted by cost, to find those that are worth moving."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable
from itertools import chain
from operator import attrgetter

from tui_balancer.scheduler.model import Unit

_cost_then_id = attrgetter("cost", "unit_id")
_id = attrgetter("unit_id")


class CostIndex:
    """A search costs O(log n), a change besides one shift of n pointers.

    The costs stand in a separate array: a search by them then stays within a few cache
    lines, where the units lie all over memory.
    """

    __slots__ = ("_costs", "_units")

    def __init__(self, units: Iterable[Unit]) -> None:
        self._set(sorted(units, key=_cost_then_id))

    def add(self, unit: Unit) -> None:
        """Enter a unit that is not here."""
        place = self._place(unit)
        self._units.insert(place, unit)
        self._costs.insert(place, unit.cost)

    def add_all(self, units: Iterable[Unit]) -> None:
        """Enter many units that are not here, in one pass."""
        self._set(sorted(chain(self._units, units), key=_cost_then_id))

    def remove_all(self, unit_ids: Container[int]) -> None:
        """Remove many units, in one pass."""
        self._set([unit for unit in self._units if unit.unit_id not in unit_ids])

    def remove(self, unit: Unit) -> None:
        """Remove a unit that is here."""
        place = self._place(unit)
        del self._units[place]
        del self._costs[place]

    def around(self, cost: float) -> tuple[Unit | None, Unit | None]:
        """Return the costliest unit of at most `cost` FLOPs and the cheapest above it."""
        split = self.count_up_to(cost)
        below = self._units[split - 1] if split else None
        above = self._units[split] if split < len(self._units) else None
        return below, above

    def count_up_to(self, cost: float) -> int:
        """Return how many units cost at most so many FLOPs."""
        return bisect_right(self._costs, cost)

    def _set(self, ordered: list[Unit]) -> None:
        self._units = ordered
        self._costs = array("d", [unit.cost for unit in ordered])

    def _place(self, unit: Unit) -> int:
        first = bisect_left(self._costs, unit.cost)
        end = bisect_right(self._costs, unit.cost, first)
        return bisect_left(self._units, unit.unit_id, first, end, key=_id)
