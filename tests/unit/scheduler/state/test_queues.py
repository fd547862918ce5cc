"""A work queue keeps its order, its sums and its search by cost through any sequence of steps."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.balance import unit, units
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.queues import WorkQueue


class QueueAgainstAList(RuleBasedStateMachine):
    """Does everything twice: on a WorkQueue and on a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = WorkQueue()
        self.model: list[Unit] = []
        self.made = 0

    def _new(self, cost: int) -> Unit:
        self.made += 1
        return unit(self.made, float(cost), files=1 + self.made % 3)

    @rule(cost=st.integers(0, 6))
    def append(self, cost: int) -> None:
        one = self._new(cost)
        self.queue.append(one)
        self.model.append(one)

    @rule(cost=st.integers(0, 6))
    def push_front(self, cost: int) -> None:
        one = self._new(cost)
        self.queue.push_front(one)
        self.model.insert(0, one)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.model))
        assert self.queue[one.unit_id] is one
        self.queue.remove(one)
        self.model.remove(one)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), to_front=st.booleans())
    def come_back(self, data: st.DataObject, to_front: bool) -> None:
        one = data.draw(st.sampled_from(self.model))
        self.queue.remove(one)
        self.model.remove(one)
        if to_front:
            self.queue.push_front(one)
            self.model.insert(0, one)
        else:
            self.queue.append(one)
            self.model.append(one)

    @rule(data=st.data())
    def leave_and_come_back_to_their_places(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from([*self.model, unit(0, 1.0)])))
        marks = bytearray(self.made + 1)
        for one in chosen:
            marks[one.unit_id] = 1
        taken = self.queue.take_out(marks)
        assert taken == {place: one for place, one in enumerate(self.model) if one in chosen}
        assert list(self.queue) == [one for one in self.model if one not in chosen]
        # Some are gone for good; the others have their former places, or the nearest there are.
        stay = data.draw(st.integers(0, len(taken)))
        back = dict(sorted(taken.items())[:stay])
        self.queue.put_back(back)
        self.model = [one for one in self.model if one not in chosen]
        for place, one in back.items():
            self.model.insert(place, one)

    @rule(data=st.data(), costs=st.lists(st.integers(0, 6), max_size=4))
    def get_many_in_any_order(self, data: st.DataObject, costs: list[int]) -> None:
        new = [self._new(cost) for cost in costs]
        self.model = data.draw(st.permutations([*self.model, *new]))
        self.queue.arrange(self.model, new)

    @rule()
    def lose_all(self) -> None:
        assert self.queue.take_all() == self.model
        self.model = []

    @rule(cost=st.floats(-1, 8))
    def search(self, cost: float) -> None:
        below, above = self.queue.around(cost)
        costs = [one.cost for one in self.model]
        assert (below and below.cost) == max((c for c in costs if c <= cost), default=None)
        assert (above and above.cost) == min((c for c in costs if c > cost), default=None)

    @invariant()
    def both_agree(self) -> None:
        assert list(self.queue) == self.model
        assert len(self.queue) == len(self.model)
        assert self.queue.cost == sum(one.cost for one in self.model)
        assert self.queue.files == sum(one.files for one in self.model)
        if self.model:
            assert self.queue.head() is self.model[0]
            assert self.queue.tail() is self.model[-1]


TestQueueAgainstAList = QueueAgainstAList.TestCase


def test_an_empty_queue_weighs_nothing_even_after_floats_that_do_not_cancel() -> None:
    queue = WorkQueue()
    for one in units(0.1, 0.2, 0.3, 1e17):
        queue.append(one)
    for unit_id in (3, 0, 1, 2):
        queue.remove(queue[unit_id])
    assert queue.cost == 0.0


def test_what_is_not_there_cannot_be_found() -> None:
    queue = WorkQueue()
    with pytest.raises(KeyError):
        queue[7]
    with pytest.raises(IndexError):
        queue.head()


def test_a_unit_may_come_in_the_place_of_another_one_of_its_number() -> None:
    queue = WorkQueue()
    for one in units(1.0, 2.0, 3.0):
        queue.append(one)
    queue.remove(queue[1])
    queue.push_front(unit(1, 9.0))
    assert [(one.unit_id, one.cost) for one in queue] == [(1, 9.0), (0, 1.0), (2, 3.0)]
