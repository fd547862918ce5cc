"""Which small files come together: a function of the inputs and the batch budget alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.inputs.bundling import BUNDLE_BATCHES, bundle_files

BATCH = 100


def test_files_of_a_batch_or_more_and_unusable_ones_stay_alone() -> None:
    assert bundle_files([100, 0, 250, 0], BATCH) == (0, 1, 2, 3)


def test_small_files_come_together_across_larger_ones_until_some_batches_are_full() -> None:
    small = [90] * (BUNDLE_BATCHES - 1)
    tokens = [90, 500, *small, 0, 90, 90, 7]
    after = len(small) + 2
    assert bundle_files(tokens, BATCH) == (
        0,
        1,
        *(0 for _ in small),
        after,
        0,
        after + 2,
        after + 2,
    )


def test_a_single_small_file_is_alone() -> None:
    assert bundle_files([5], BATCH) == (0,)


@given(tokens=st.lists(st.integers(0, 3 * BATCH), max_size=60), batch=st.integers(1, 2 * BATCH))
def test_a_bundle_holds_only_small_files_and_is_at_most_a_batch_too_large(
    tokens: list[int], batch: int
) -> None:
    firsts = bundle_files(tokens, batch)
    bundles = [
        [position for position, first in enumerate(firsts) if first == start]
        for start in sorted(set(firsts))
    ]
    assert sorted(position for bundle in bundles for position in bundle) == [*range(len(tokens))]
    shared = [bundle for bundle in bundles if len(bundle) > 1]
    for bundle in shared:
        assert bundle[0] == firsts[bundle[0]]
        assert all(0 < tokens[position] < batch for position in bundle)
        assert sum(tokens[position] for position in bundle) < (BUNDLE_BATCHES + 1) * batch
    for bundle in shared[:-1]:
        assert sum(tokens[position] for position in bundle) >= BUNDLE_BATCHES * batch
