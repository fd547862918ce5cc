"""Files of a run have the group of a shared folder and the modes that the user's umask leaves."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import all_end, run_command, workers_of
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.run_folder.names import ATTACH_FILE

SHARED, PRIVATE = 0o002, 0o077
NOBODY = 65534


def started(umask: int, command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        umask=umask,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def modes(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the files and folders of a run folder, and their modes."""
    for path in (folder, *sorted(folder.rglob("*"))):
        yield str(path.relative_to(folder.parent)), stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(SHARED, 0o664, 0o2775), (PRIVATE, 0o600, 0o2700)]
)
def test_all_that_a_killed_run_and_a_finished_one_leave_follows_the_umask(
    endless: Path, little: Path, tmp_path: Path, umask: int, file: int, folder: int
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    if os.geteuid() == 0:
        # A group that the user's files do not have by themselves.
        os.chown(shared, -1, NOBODY)
    shared.chmod(0o2775)
    killed, done = shared / "killed", shared / "done"
    run = started(umask, run_command(endless, output=killed, workers=2))
    assert run.stdout is not None
    while not list(killed.glob("*.partial")):
        assert run.stdout.readline(), "the run ended before it had kept a batch"
    workers = workers_of(run.pid)
    run.kill()
    run.communicate()
    assert all_end(workers)

    text = "".join(path.read_text() for path in sorted(little.iterdir()))
    formats = ("--format", ",".join(FORMATS))
    ended = started(umask, [*run_command(Path("-"), output=done), *formats])
    told, _ = ended.communicate(text)
    assert ended.returncode == 0, told

    group = shared.stat().st_gid
    assert [path for path in shared.rglob("*") if path.stat().st_gid != group] == []
    left, made = dict(modes(killed)), dict(modes(done))
    named = {path.rpartition("/")[2] for path in left}
    assert {LEDGER_NAME, f"{LEDGER_NAME}-wal", "run.lock", "run.log", "worker-cpu_0.log"} <= named
    # The key to a live run is its owner's, whatever the umask says.
    assert left.pop(f"killed/{ATTACH_FILE}") == 0o600
    wrong = {
        path: oct(mode)
        for path, mode in (left | made).items()
        if mode != (folder if (shared / path).is_dir() else file)
    }
    assert wrong == {}
