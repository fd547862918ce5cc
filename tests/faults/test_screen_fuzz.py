"""Keys, mouse and resizes at random, a few; `screen_fuzz` sends more of them."""

from __future__ import annotations

from pathlib import Path

from tests.faults.screen_fuzz import fuzz


def test_a_screen_lives_through_random_events_and_still_answers(tmp_path: Path) -> None:
    found = fuzz(tmp_path, 250, seed=1)
    assert found.falls == []
    assert found.wrong == []
    assert found.sent.total() == 250
