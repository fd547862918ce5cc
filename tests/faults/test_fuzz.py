"""Strange inputs in numbers; `fuzz` does more of it."""

from __future__ import annotations

from pathlib import Path

from tests.faults.fuzz import fuzz


def test_every_strange_input_becomes_an_output_or_a_named_reason(tmp_path: Path) -> None:
    found = fuzz(tmp_path, 300, seed=1)
    assert found.wrong == ()
    assert found.done.total() > 100
    assert len(set(found.reasons)) > 20
