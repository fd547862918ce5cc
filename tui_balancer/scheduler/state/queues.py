"""The files waiting for one device: an ordered queue that can also be searched by cost."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import compress
from operator import not_
from typing import Final

from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.cost_index import CostIndex
from tui_balancer.scheduler.state.model_work import ModelWork, units_by_model
from tui_balancer.scheduler.unit_order import queue_order


def by_priority(units: Iterable[Unit]) -> list[Unit]:
    """Return units with the highest priority first, else in their order."""
    return sorted(units, key=lambda unit: -unit.priority)


_FOLLOWED: Final = 1000
"""Most units of a change that the search index follows."""


class WorkQueue:
    """Units in the order in which a device will take them.

    Both ends, any removal and the totals cost O(1); a search by cost O(log n) plus, for a
    removal while the search index exists, one shift of n pointers. The indexes by number and by
    cost are made by the first search, so queues that nobody steals from never pay for them.

    A unit taken out of the middle leaves its place behind, which is skipped, and cleared once
    it comes to an end of the queue: a dictionary that keeps an order and gives up its first
    entry in O(1) would need twice the memory.

    Attributes:
        cost: FLOPs of all waiting units.
        files: Files in all waiting units.
        residues: Residues in all waiting units.
        by_model: Units, FLOPs and residues of each model that units here have.
    """

    __slots__ = (
        *("_by_cost", "_by_number", "_gone", "_length", "_order"),
        *("by_model", "cost", "files", "residues"),
    )

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._length = 0
        self._by_number: dict[int, Unit] | None = None
        # Both ends are always units that are here.
        self._order: deque[Unit] = deque()
        self._gone: set[int] = set()
        self._by_cost: dict[int, CostIndex] | None = None
        self.by_model: dict[int, ModelWork] = {}
        self.cost = 0.0
        self.files = 0
        self.residues = 0

    def __len__(self) -> int:
        return self._length

    def __contains__(self, unit_id: int) -> bool:
        return unit_id in self._numbered()

    def __getitem__(self, unit_id: int) -> Unit:
        return self._numbered()[unit_id]

    def __iter__(self) -> Iterator[Unit]:
        if not self._gone:
            return iter(self._order)
        return (unit for unit in self._order if unit.unit_id not in self._gone)

    def append(self, unit: Unit) -> None:
        """Add a unit at the end."""
        self._clear_place(unit)
        self._order.append(unit)
        self._added(unit)

    def push_front(self, unit: Unit) -> None:
        """Add a unit at the front."""
        self._clear_place(unit)
        self._order.appendleft(unit)
        self._added(unit)

    def insert(self, new: Sequence[Unit]) -> bool:
        """Add units, each behind those of its priority or a higher one.

        Args:
            new: Those of the highest priority first.

        Returns:
            Whether all of them are now the last ones, in their order.
        """
        if not new or not self._length or self.tail().priority >= new[0].priority:
            for unit in new:
                self.append(unit)
            return True
        places, waiting = {}, list(self)
        for number, unit in enumerate(new):
            before = next(
                (n for n, one in enumerate(reversed(waiting)) if one.priority >= unit.priority),
                len(waiting),
            )
            places[len(waiting) - before + number] = unit
        self.put_back(places)
        return False

    def put_back(self, units: Mapping[int, Unit]) -> None:
        """Add units so that each has its former place again; costs one pass over the queue.

        Args:
            units: By their places in this queue, from 0, when all of them were here.
        """
        here = len(self)
        order: list[Unit | None] = [None] * (here + len(units))
        for end, (place, unit) in enumerate(sorted(units.items()), here):
            # Behind all that are here, if these are fewer than before.
            order[place if place < end else end] = unit
        left = iter(self)
        self.arrange([unit or next(left) for unit in order], units.values())

    def extend(self, units: Collection[Unit], *, first: bool = False) -> None:
        """Add units at the end or, in their order, at the front; costs one pass over the queue."""
        self.arrange((*units, *self) if first else (*self, *units), units)

    def arrange(self, order: Iterable[Unit], new: Collection[Unit]) -> None:
        """Add units, all at once.

        Args:
            order: All units, with those that were here.
            new: The others.
        """
        self._order = deque(order)
        self._gone.clear()
        self._count(new, 1)
        if self._by_number is not None:
            self._by_number.update((unit.unit_id, unit) for unit in new)
        if self._keeps_index(new):
            for unit in new:
                self.index(unit.model).add(unit)

    def take_out(self, chosen: bytearray) -> dict[int, Unit]:
        """Take some units out, all in one pass over the queue.

        Args:
            chosen: A byte for every unit by its number: 1 for those to take out, else 0.

        Returns:
            The units by their places, from 0.
        """
        units = list(self)
        goes = [chosen[unit.unit_id] for unit in units]
        taken = dict(compress(enumerate(units), goes))
        self._order = deque(compress(units, map(not_, goes)))
        self._gone.clear()
        self._count(taken.values(), -1)
        if self._by_number is not None:
            for unit in taken.values():
                del self._by_number[unit.unit_id]
        if self._keeps_index(taken):
            for unit in taken.values():
                self.index(unit.model).remove(unit)
        return taken

    def take_all(self) -> list[Unit]:
        """Take all units out; return them in their order."""
        units = list(self)
        self._clear()
        return units

    def numbers(self) -> array[int]:
        """Return the numbers of the files, next first; quick also for a million of them."""
        units = list(self)
        if any([unit.parts for unit in units]):  # noqa: C419 - half the time
            return array("i", [number for unit in units for number in unit.numbers])
        return array("i", [unit.unit_id for unit in units])

    def order(self) -> bytes:
        """Return the numbers of the files, next first, see `queue_order`."""
        return queue_order(self)

    def remove(self, unit: Unit) -> None:
        """Take out a unit that is here."""
        order, gone = self._order, self._gone
        gone.add(unit.unit_id)
        # Most are stolen from the middle; then the units at the ends, far away in memory, stay.
        if order[0] is unit:
            while order and order[0].unit_id in gone:
                gone.remove(order.popleft().unit_id)
        if order and order[-1] is unit:
            while order and order[-1].unit_id in gone:
                gone.remove(order.pop().unit_id)
        self._length -= 1
        if self._by_number is not None:
            del self._by_number[unit.unit_id]
        # Sums of floats drift; an empty queue is the moment to set them right.
        self.cost = self.cost - unit.cost if self._length else 0.0
        self.residues -= unit.residues
        traits = unit.traits
        self.files -= traits.files
        work = self.by_model[traits.model]
        work.remove(unit)
        if not work.units:
            del self.by_model[traits.model]
        if self._by_cost is not None:
            self._by_cost[traits.model].remove(unit)

    def head(self) -> Unit:
        """Return the unit that comes next; IndexError when there is none."""
        return self._order[0]

    def tail(self) -> Unit:
        """Return the unit that comes last; IndexError when there is none."""
        return self._order[-1]

    def group(self, model: int) -> None:
        """Put the units of a model before all others, each in their order; one pass."""
        units = list(self)
        self._order = deque(one for one in units if one.model == model)
        self._order.extend(one for one in units if one.model != model)
        self._gone.clear()

    def last_of(self, model: int) -> Unit:
        """Return the last unit of a model, which has units here; at most one pass."""
        return next(
            unit
            for unit in reversed(self._order)
            if unit.model == model and unit.unit_id not in self._gone
        )

    def around(self, cost: float, model: int = 0) -> tuple[Unit | None, Unit | None]:
        """Return a model's costliest unit of at most `cost` FLOPs and its cheapest above it."""
        return self.index(model).around(cost)

    def index(self, model: int) -> CostIndex:
        """Return the units of a model by their costs; made at the first call."""
        if self._by_cost is None:
            by_model = units_by_model(list(self))
            self._by_cost = {model: CostIndex(units) for model, units in by_model.items()}
        if model not in self._by_cost:
            self._by_cost[model] = CostIndex(())
        return self._by_cost[model]

    def _keeps_index(self, changed: Sized) -> bool:
        """Whether the search index follows a change; one of many units is left to the next search.

        That takes less time than to enter or remove them.
        """
        if len(changed) > _FOLLOWED:
            self._by_cost = None
        return self._by_cost is not None

    def _numbered(self) -> dict[int, Unit]:
        """Return the units by their numbers; made at the first call."""
        if self._by_number is None:
            self._by_number = {unit.unit_id: unit for unit in self}
        return self._by_number

    def _clear_place(self, unit: Unit) -> None:
        """Forget the place that a unit left behind when it was here before."""
        if unit.unit_id in self._gone:
            # A file of a broken-up bundle has the number of the bundle, and is another unit.
            numbers = (one.unit_id for one in self._order)
            del self._order[next(n for n, one in enumerate(numbers) if one == unit.unit_id)]
            self._gone.remove(unit.unit_id)

    def _count(self, units: Collection[Unit], sign: int) -> None:
        """Count units in, or out with the sign -1."""
        self._length += sign * len(units)
        for model, own in units_by_model(units).items():
            work = self.by_model.setdefault(model, ModelWork())
            work.count(own, sign)
            if not work.units:
                del self.by_model[model]
        self.files += sign * sum([unit.files for unit in units])
        self.cost = sum((work.cost for work in self.by_model.values()), 0.0)
        self.residues = sum(work.residues for work in self.by_model.values())

    def _added(self, unit: Unit) -> None:
        self._length += 1
        if self._by_number is not None:
            self._by_number[unit.unit_id] = unit
        self.cost += unit.cost
        self.files += unit.files
        self.residues += unit.residues
        work = self.by_model.get(unit.model)
        if work is None:
            work = self.by_model[unit.model] = ModelWork()
        work.add(unit)
        if self._by_cost is not None:
            self.index(unit.model).add(unit)
