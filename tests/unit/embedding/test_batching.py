"""Batches are a function of the lengths and the budget alone."""

from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.alphabets import PROTEIN
from tui_balancer.embedding.batching import plan_batches

LENGTHS = st.lists(st.integers(min_value=1, max_value=1100), max_size=60)
BUDGETS = st.integers(min_value=1, max_value=5000)


@given(LENGTHS, BUDGETS)
def test_every_sequence_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget, PROTEIN)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))


@given(LENGTHS, BUDGETS)
def test_a_batch_keeps_to_the_budget_unless_it_is_one_long_sequence(
    lengths: list[int], budget: int
) -> None:
    for batch in plan_batches(lengths, budget, PROTEIN):
        padded = len(batch) * PROTEIN.tokens(max(lengths[index] for index in batch))
        assert padded <= budget or len(batch) == 1


@given(LENGTHS, BUDGETS)
def test_no_batch_could_have_taken_the_first_sequence_of_the_next(
    lengths: list[int], budget: int
) -> None:
    batches = plan_batches(lengths, budget, PROTEIN)
    for batch in batches[:-1]:
        longest = max(lengths[index] for index in batch)
        assert (len(batch) + 1) * PROTEIN.tokens(longest) > budget


def test_the_longest_come_first_and_equal_lengths_keep_the_input_order() -> None:
    assert plan_batches([3, 5, 3, 5, 1], 14, PROTEIN) == ((1, 3), (0, 2), (4,))
