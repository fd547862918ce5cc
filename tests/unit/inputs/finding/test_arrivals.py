"""Files that arrive in folders are found once, and not before they are complete."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.support.balance import Clock
from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.arrivals import Arrivals, is_being_written, watched_folders

LATER = time.time() + 1e6
"""A time of change from which no file has settled, however slow the machine is."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def arrivals(folder: Path, clock: Clock) -> Arrivals:
    known = {str(folder / "known.faa")}
    return Arrivals([folder], 5.0, known, folder / "out", on_network=False, clock=clock)


def write(path: Path, text: str = ">a\nMK\n", *, changed: float = 0.0) -> Path:
    """Write a file that has not changed for long, or seems to change for long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (changed, changed))
    return path


def names(found: list[str]) -> list[str]:
    return [Path(path).name for path in found]


def test_a_file_that_was_moved_there_is_found_at_once_and_only_once(
    folder: Path, arrivals: Arrivals
) -> None:
    write(folder / ".half.faa").rename(folder / "whole.faa")
    assert names(arrivals.look()) == ["whole.faa"]
    write(folder / "whole.faa", "other")
    assert arrivals.look() == []
    assert arrivals.pending == 0


def test_a_young_file_is_complete_when_it_has_not_changed_for_a_while(
    folder: Path, arrivals: Arrivals, clock: Clock
) -> None:
    path = write(folder / "a.faa", changed=LATER)
    assert arrivals.look() == []
    clock.now = 4.0
    write(path, "more", changed=LATER)
    assert arrivals.look() == []
    clock.now = 8.9
    assert arrivals.look() == []
    assert arrivals.pending == 1
    clock.now = 9.0
    assert names(arrivals.look()) == ["a.faa"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who writes a file")
def test_a_file_that_is_open_for_writing_is_not_complete(
    folder: Path, arrivals: Arrivals, clock: Clock
) -> None:
    path = write(folder / "a.faa")
    with path.open("a") as file:
        assert is_being_written(path)
        assert arrivals.look() == []
        clock.now = 100.0
        assert arrivals.look() == []
        file.write("MK")
    os.utime(path, (0, 0))
    assert not is_being_written(path)
    assert arrivals.look() == []
    clock.now = 105.0
    assert names(arrivals.look()) == ["a.faa"]


def test_on_a_network_only_time_tells(folder: Path, clock: Clock) -> None:
    far = Arrivals([folder], 5.0, (), folder / "out", on_network=True, clock=clock)
    write(folder / "old.faa", changed=time.time() - 1e5)
    write(folder / "new.faa", changed=LATER)
    assert names(far.look()) == ["old.faa"]
    clock.now = 5.0
    assert names(far.look()) == ["new.faa"]


def test_new_folders_are_searched_hidden_ones_and_the_run_folder_are_not(
    folder: Path, arrivals: Arrivals
) -> None:
    assert arrivals.look() == []
    write(folder / "known.faa")
    for name in ("b/c/d.faa", ".hidden/e.faa", "out/f.faa", ".g.faa", "h.faa"):
        write(folder / name)
    (folder / "b" / "loop").symlink_to(folder)
    assert names(arrivals.look()) == ["d.faa", "h.faa"]
    write(folder / "b" / "c" / "late.faa")
    assert names(arrivals.look()) == ["late.faa"]


def test_a_file_that_is_gone_again_is_forgotten(folder: Path, arrivals: Arrivals) -> None:
    path = write(folder / "a.faa", changed=LATER)
    arrivals.look()
    path.unlink()
    assert arrivals.look() == []
    assert arrivals.pending == 0


def test_a_folder_without_changes_is_not_listed_again(
    folder: Path, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "b" / "a.faa")
    for one in (folder / "b", folder):
        os.utime(one, (0, 0))
    assert names(arrivals.look()) == ["a.faa"]

    def listed(path: str) -> None:
        pytest.fail(f"{path} is listed again")

    monkeypatch.setattr(os, "scandir", listed)
    assert arrivals.look() == []


def test_only_folders_are_watched(folder: Path) -> None:
    file = write(folder / "a.faa")
    assert watched_folders([str(folder)]) == (folder,)
    with pytest.raises(UserError, match=r"^--watch watches folders, and no folder is at .*a\.faa"):
        watched_folders([str(folder), str(file)])
    with pytest.raises(UserError, match="there is nothing at"):
        watched_folders([str(folder / "missing")])
