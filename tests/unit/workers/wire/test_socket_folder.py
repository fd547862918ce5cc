"""The folder of a process's socket: private, and not left behind for ever."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui_balancer.workers.wire.socket_folder import private_folder

OWNER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from tui_balancer.workers.wire.socket_folder import private_folder
print(private_folder(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary ones; pytest's own has a name too long for sockets."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def owner(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process with a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_only_its_owner_may_enter_it(place: Path) -> None:
    folder = private_folder()
    assert folder.parent == place
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folder_of_a_killed_process_is_swept_by_the_next_one_and_that_of_a_live_one_is_not(
    place: Path,
) -> None:
    (live, its), (killed, left) = owner(place), owner(place)
    (left / "queues").touch()
    other = place / "tui-balancer-of-somebody"
    other.mkdir()
    killed.kill()
    killed.communicate()
    folders = [private_folder(), private_folder()]
    assert not left.exists()
    assert sorted(place.iterdir()) == sorted([its, other, *folders])
    live.communicate("")
    assert not its.exists()


def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, made = tempfile.mkdtemp, list[Path]()

    def mkdtemp(**place: str) -> str:
        made.append(Path(real(**place)))
        if len(made) == 1:
            shutil.rmtree(made[0])
        return str(made[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    assert private_folder() == made[1]
    assert made[1].is_dir()
