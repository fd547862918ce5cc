"""Every cause of a failure says what happened and what to do."""

from __future__ import annotations

import pytest

from tui_balancer.failures import ADVICE, WORDS, FailureCause

CAUSES = set(FailureCause) - {FailureCause.NONE}


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_a_cause_has_words_unless_it_is_unexpected_and_always_advice(cause: FailureCause) -> None:
    assert (cause in WORDS) is (cause is not FailureCause.UNEXPECTED)
    assert ADVICE[cause][0].isupper()
    assert not ADVICE[cause].endswith(".")
