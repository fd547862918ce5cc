"""What is kept of a sequence, and where it lies in its row."""

from __future__ import annotations

from itertools import combinations

import pytest

from tui_balancer.representations import KINDS, Representations

CHOICES = [kinds for count in (1, 2, 3, 4) for kinds in combinations(KINDS, count)]


@pytest.mark.parametrize("kinds", CHOICES, ids=",".join)
def test_the_parts_of_a_row_fill_it_without_gaps(kinds: tuple[str, ...]) -> None:
    kept = Representations.named((0, 3), kinds, width=5)
    for length in (1, 7):
        end = 0
        for part in kept.parts(length):
            assert part.numbers.start == end
            end = part.numbers.stop
        assert end == kept.numbers(length)
    assert kept.fixed == (kept.numbers(1) == kept.numbers(7))


def test_the_usual_choice_is_plain_and_others_are_not() -> None:
    assert Representations.mean(33, 1280).plain
    assert Representations.named((33,), ("per_tok",), 1280).single
    assert Representations.named((5, 6), ("contacts",), 1280).single
    for kept in (
        Representations.named((33,), ("bos",), 1280),
        Representations.named((32, 33), ("mean",), 1280),
        Representations.named((33,), ("mean", "contacts"), 1280),
    ):
        assert not kept.plain


def test_parts_are_named_after_kind_and_layer() -> None:
    kept = Representations.named((0, 6), ("mean", "contacts"), 2)
    assert [part.name for part in kept.parts(3)] == ["mean_0", "mean_6", "contacts"]
