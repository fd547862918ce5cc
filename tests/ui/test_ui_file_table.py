"""The table of all files, when files are added and when a replay goes back."""

from __future__ import annotations

from tests.support.fake_run import FakeRun
from tests.support.pictures import RUNNING, UNITS
from tui_balancer.ui.state.file_table import FileState, FileWatch


def test_files_that_are_added_are_in_the_next_table_and_gone_from_an_earlier_moment() -> None:
    run = FakeRun(RUNNING, {"cuda:0": UNITS[3:5]}, UNITS[:3])
    watch = FileWatch()
    for files in (3, 5, 4, 5):
        run._units = UNITS[:files]
        table = watch.read(run, RUNNING)
        assert table is not None
        assert len(table) == files
        assert table.amounts["residues"].tolist() == [unit.residues for unit in UNITS[:files]]
        waiting = [number for number in range(files) if table.state[number] == FileState.WAITING]
        assert waiting == [*range(3, files)]
