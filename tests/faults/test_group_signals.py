"""A few signals to the whole group, as `timeout`, a batch system or a terminal sends them."""

from __future__ import annotations

from pathlib import Path

from tests.faults.group_signals import group_signals
from tests.faults.storm_round import Size


def test_signals_to_the_whole_group_blame_no_file_and_cost_no_batch(tmp_path: Path) -> None:
    found = group_signals(3, 3, tmp_path, Size(files=4, sequences=100))
    assert found.remarks == []
    assert found.wrong.total() == 0
    assert found.sent.total() == 3
    assert found.done["outputs compared"] >= 2 * 4
