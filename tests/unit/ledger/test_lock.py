"""One process works on a run folder at a time, and a dead one keeps nobody out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tui_balancer.errors import UserError
from tui_balancer.ledger.lock import LOCK_NAME, LockHolder, RunLock, lock_holder

HOLD = """
import sys
from pathlib import Path
from tui_balancer.ledger.lock import RunLock
lock = RunLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@contextmanager
def held_by_another_process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_live_holder_is_named_to_the_second_run(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as process:
        with pytest.raises(UserError) as refusal:
            RunLock.acquire(tmp_path)
        holder = lock_holder(tmp_path)
        assert holder is not None
        assert (holder.pid, holder.host) == (process.pid, LockHolder.this_process().host)
        assert f"in use by process {process.pid} on {holder.host}" in str(refusal.value)


def test_a_live_holder_keeps_others_out_whatever_its_file_says(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path):
        (tmp_path / LOCK_NAME).write_text("")
        with pytest.raises(UserError, match="in use by another process"):
            RunLock.acquire(tmp_path)


def test_a_released_lock_is_free_and_leaves_no_file(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as process:
        process.communicate()
    assert list(tmp_path.iterdir()) == []
    lock = RunLock.acquire(tmp_path)
    assert lock_holder(tmp_path) == LockHolder.this_process()
    lock.release()
    assert lock_holder(tmp_path) is None


def test_a_killed_holder_s_lock_is_taken_over(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as process:
        process.kill()
    assert lock_holder(tmp_path) is not None
    RunLock.acquire(tmp_path).release()


def test_the_same_process_does_not_get_it_twice(tmp_path: Path) -> None:
    lock = RunLock.acquire(tmp_path)
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        RunLock.acquire(tmp_path)
    lock.release()


def without_kernel_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", unsupported)


def test_where_the_kernel_has_no_locks_the_holder_s_word_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_kernel_locks(monkeypatch)
    with held_by_another_process(tmp_path) as process:
        with pytest.raises(UserError, match=f"process {process.pid}"):
            RunLock.acquire(tmp_path)
        process.kill()
    RunLock.acquire(tmp_path).release()


LEFT_BEHIND: dict[str, tuple[Callable[[LockHolder], LockHolder], bool]] = {
    "itself": (lambda me: me, True),
    "a number in use by a younger process": (lambda me: replace(me, started_at=1e9), False),
    "a number that nobody has": (lambda me: replace(me, pid=2**22 + 1), False),
    "a boot before this one": (lambda me: replace(me, boot="an older boot" * 9), False),
    "another machine": (lambda me: replace(me, boot="its boot", host="node7"), True),
    "a container of this machine": (lambda me: replace(me, pid=2**22 + 1, host="c0ffee"), False),
    "a machine that tells no boot": (lambda me: replace(me, boot="", host="mac"), True),
    "this machine, telling no boot": (lambda me: replace(me, boot="", started_at=1e9), False),
}


@pytest.mark.parametrize("case", LEFT_BEHIND)
def test_what_a_lock_left_behind_says_decides_who_may_live(tmp_path: Path, case: str) -> None:
    change, refused = LEFT_BEHIND[case]
    left = json.dumps(asdict(change(LockHolder.this_process())))
    (tmp_path / LOCK_NAME).write_text(left)
    if refused:
        with pytest.raises(UserError, match="in use by process"):
            RunLock.acquire(tmp_path)
        assert (tmp_path / LOCK_NAME).read_text() == left
    else:
        lock = RunLock.acquire(tmp_path)
        assert lock_holder(tmp_path) == LockHolder.this_process()
        lock.release()


def test_another_machine_s_lock_says_what_to_do(tmp_path: Path) -> None:
    other = replace(LockHolder.this_process(), boot="its boot", host="node7")
    (tmp_path / LOCK_NAME).write_text(json.dumps(asdict(other)))
    with pytest.raises(UserError, match=rf"on node7 .* remove {tmp_path / LOCK_NAME}$"):
        RunLock.acquire(tmp_path)


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "\0" * 99])
def test_a_lock_that_says_nothing_is_free(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK_NAME).write_text(content)
    RunLock.acquire(tmp_path).release()


@pytest.mark.parametrize("content", ["theirs", "[1]", " ", "{}", '{"name": "flake"}'])
def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / LOCK_NAME
    path.write_text(content)
    with pytest.raises(UserError, match="is not a lock file of tui-balancer"):
        RunLock.acquire(tmp_path)
    assert path.read_text() == content


def test_no_link_is_followed_and_no_pipe_opened(tmp_path: Path) -> None:
    path, theirs = tmp_path / LOCK_NAME, tmp_path / "theirs"
    theirs.write_text("")
    path.symlink_to(theirs)
    with pytest.raises(UserError, match="is not a lock file"):
        RunLock.acquire(tmp_path)
    assert (path.readlink(), theirs.read_text()) == (theirs, "")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match="is not a lock file"):
        RunLock.acquire(tmp_path)


def test_a_lock_file_removed_in_between_is_not_mistaken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removals = iter([True, False])

    def released_meanwhile(descriptor: int, operation: int) -> None:
        if next(removals):
            (tmp_path / LOCK_NAME).unlink()

    monkeypatch.setattr("fcntl.flock", released_meanwhile)
    lock = RunLock.acquire(tmp_path)
    assert lock_holder(tmp_path) == LockHolder.this_process()
    lock.release()


def test_a_folder_that_is_not_there_is_the_user_s_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot lock the run folder"):
        RunLock.acquire(tmp_path / "missing")
