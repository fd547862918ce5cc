"""Batches divided, joined and counted, against the lists of their numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.balance import numbers
from tui_balancer.leases import Spans, without_head
from tui_balancer.scheduler.splitting.batches import (
    BatchPlan,
    batches,
    joined,
    without_tail,
)


@st.composite
def spans(draw: st.DrawFn) -> Spans:
    """Draw disjoint spans within twelve batches, in any order."""
    edges = sorted(draw(st.sets(st.integers(0, 12), max_size=8)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    return tuple(draw(st.permutations(pairs)))


@given(some=spans(), count=st.integers(0, 12))
def test_a_tail_and_its_front_are_the_whole(some: Spans, count: int) -> None:
    count = min(count, batches(some))
    front, back = without_tail(some, count)
    assert [*numbers(front), *numbers(back)] == numbers(some)
    assert batches(back) == count


@given(some=spans(), number=st.integers(0, 12))
def test_what_is_left_begins_behind_the_batch_that_is_through(some: Spans, number: int) -> None:
    before = list(numbers(some))
    left = before[before.index(number) + 1 :] if number in before else before
    assert numbers(without_head(some, number)) == left


@given(some=spans(), more=spans())
def test_joined_batches_keep_their_order(some: Spans, more: Spans) -> None:
    assert numbers(joined(some, more)) == [*numbers(some), *numbers(more)]


@given(costs=st.lists(st.integers(0, 9).map(float), min_size=12, max_size=12), some=spans())
def test_costs_are_those_of_the_numbers(costs: list[float], some: Spans) -> None:
    plan = BatchPlan(costs)
    assert len(plan) == 12
    assert plan.cost(some) == sum(costs[number] for number in numbers(some))
    assert plan.first_cost(some) == (costs[numbers(some)[0]] if some else 0.0)
    assert numbers(plan.missing) == [n for n, cost in enumerate(costs) if cost]


@given(
    costs=st.lists(st.integers(1, 9).map(float), min_size=12, max_size=12),
    some=spans(),
    most=st.integers(0, 60),
)
def test_the_longest_tail_within_a_cost_is_found(
    costs: list[float], some: Spans, most: int
) -> None:
    plan, mine = BatchPlan(costs), numbers(some)
    fitting = [
        count
        for count in range(len(mine) + 1)
        if sum(costs[number] for number in mine[len(mine) - count :]) <= most
    ]
    assert plan.tail_up_to(some, float(most)) == fitting[-1]
