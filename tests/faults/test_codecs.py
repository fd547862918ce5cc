"""Damaged packed files in numbers; `codecs` does more of it."""

from __future__ import annotations

from pathlib import Path

from tests.faults.codecs import CODECS, damage


def test_a_damaged_file_is_refused_or_has_all_of_its_sequences(tmp_path: Path) -> None:
    found = list(damage(tmp_path, 200, seed=1))
    assert [one for one in found if one[2] not in ("refused", "whole")] == []
    assert {codec for codec, _, end in found if end == "refused"} == set(CODECS)
    assert sum(end == "refused" for *_, end in found) > 150
