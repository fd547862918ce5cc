"""The attach file: written for one user, and read only as it was written by them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.attaching import ServedRun
from tests.support.told_run import told_run
from tui_balancer.attach import point as module
from tui_balancer.attach.client import attach
from tui_balancer.attach.point import AttachPoint
from tui_balancer.errors import UserError
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.run_folder.names import ATTACH_FILE, MAILBOX_FOLDER

POINT = AttachPoint("node17", 4711, "/tmp/somewhere/attach", b"\x00steer", b"\xffwatch")


def test_it_is_read_as_it_was_written_over_an_older_one(tmp_path: Path) -> None:
    assert AttachPoint.read(tmp_path) is None
    (tmp_path / ATTACH_FILE).write_text("left by a run that was killed")
    POINT.write(tmp_path)
    assert AttachPoint.read(tmp_path) == POINT
    assert [path.name for path in tmp_path.iterdir()] == [ATTACH_FILE]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"host": 1', b'{"host": "a"}', b"\xff", b'{"host": "\xff"}', b"[" * 9000],
    ids=["empty", "list", "bare", "cut", "incomplete", "bytes", "no text", "nested"],
)
def test_a_damaged_one_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ATTACH_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UserError, match=f"{ATTACH_FILE} is damaged") as refusal:
        AttachPoint.read(tmp_path)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_one_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    POINT.write(tmp_path)
    (tmp_path / ATTACH_FILE).chmod(mode)
    refusal = rf"Other users can change .*{ATTACH_FILE} \(mode {mode:04o}\)"
    with pytest.raises(UserError, match=refusal):
        AttachPoint.read(tmp_path)


def test_one_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    POINT.write(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(module, "user_name", {os.getuid(): "alice"}.get)
    line = f"{tmp_path} belongs to alice. Only alice can attach to this run."
    with pytest.raises(UserError, match=f"^{re.escape(line)}$"):
        AttachPoint.read(tmp_path)


def test_a_link_to_an_attach_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    POINT.write(tmp_path / "run")
    (tmp_path / ATTACH_FILE).symlink_to(tmp_path / "run" / ATTACH_FILE)
    with pytest.raises(UserError, match=f"{ATTACH_FILE} is a symbolic link"):
        AttachPoint.read(tmp_path)


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ATTACH_FILE, 0o600)
    with pytest.raises(UserError, match="not a regular file"):
        AttachPoint.read(tmp_path)


def test_the_keys_are_in_no_message() -> None:
    assert "steer" not in repr(POINT).replace("steer_key", "")
    assert "watch" not in repr(POINT).replace("watch_key", "")


def test_what_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".attach.json.4711").touch()
    POINT.write(tmp_path)
    served = ServedRun(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {ATTACH_FILE, MAILBOX_FOLDER}
    assert served.point.pid == os.getpid()
    served.server.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_folder_takes_no_file_goes_on_unattachable(tmp_path: Path) -> None:
    served = ServedRun(tmp_path / "gone")
    served.server.close()
    assert not (tmp_path / "gone").exists()


def test_one_of_a_dead_run_leads_to_the_ledger_even_if_its_number_lives_again(
    tmp_path: Path,
) -> None:
    folder = told_run(tmp_path)
    import socket

    dead = AttachPoint(socket.gethostname(), os.getpid(), str(tmp_path / "gone"), b"a", b"b")
    dead.write(folder)
    assert isinstance(attach(folder), FinishedRun)
