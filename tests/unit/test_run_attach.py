"""The desk of a live run, and the word that tells where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_run import FakeRun
from tests.support.pictures import RUNNING, queue
from tui_balancer.errors import UserError
from tui_balancer.run.attach import ATTACH_FILE, AttachDoor, AttachPoint, RunDesk, fingerprint
from tui_balancer.run.remote import RemoteRun
from tui_balancer.workers.queues import create_shared_work_queues

POINT = AttachPoint("node17", 4711, "/tmp/somewhere/queues", b"\x00key")


def test_a_queue_is_sent_when_it_changed_and_only_then() -> None:
    run = FakeRun(RUNNING, {"cuda:0": queue(1, 3)})
    desk = RunDesk(run)
    assert desk.queue_unless("cuda:0", fingerprint(())) == queue(1, 3)
    assert desk.queue_unless("cuda:0", fingerprint(queue(1, 3))) is None
    assert desk.queue_unless("cuda:0", fingerprint(queue(1, 3)[::-1])) == queue(1, 3)


def test_a_remote_queue_follows_the_run_s(tmp_path: Path) -> None:
    run = FakeRun(RUNNING, {"cuda:0": queue(1, 3), "cuda:1": ()})
    remote = RemoteRun(RunDesk(run), tmp_path)
    for units in (queue(1, 3), queue(1, 3), queue(2, 2), ()):
        run.queues["cuda:0"] = units
        assert remote.queue("cuda:0") == units
        assert remote.queue("cuda:1") == ()


def test_the_word_is_read_as_it_was_written_over_an_older_one(tmp_path: Path) -> None:
    assert AttachPoint.read(tmp_path) is None
    (tmp_path / ATTACH_FILE).write_text("left by a run that was killed")
    POINT.write(tmp_path)
    assert AttachPoint.read(tmp_path) == POINT
    assert [path.name for path in tmp_path.iterdir()] == [ATTACH_FILE]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"host": 1', '{"host": "a", "pid": 1}'])
def test_a_damaged_word_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / ATTACH_FILE).write_text(text)
    with pytest.raises(UserError, match=f"{ATTACH_FILE} is damaged"):
        AttachPoint.read(tmp_path)


def test_the_key_is_in_no_message() -> None:
    assert "key" not in repr(POINT)


def test_a_run_whose_folder_takes_no_word_goes_on_unattachable(tmp_path: Path) -> None:
    queues, manager = create_shared_work_queues(object())  # type: ignore[arg-type]
    door = AttachDoor(FakeRun(RUNNING), queues, manager, tmp_path / "gone")
    door.open()
    door.close()
    assert not (tmp_path / "gone").exists()


def test_what_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".attach.json.4711").touch()
    POINT.write(tmp_path)
    queues, manager = create_shared_work_queues(object())  # type: ignore[arg-type]
    door = AttachDoor(FakeRun(RUNNING), queues, manager, tmp_path)
    door.open()
    assert [path.name for path in tmp_path.iterdir()] == [ATTACH_FILE]
    word = AttachPoint.read(tmp_path)
    assert word is not None
    assert word.address == queues.address
    door.close()
    assert list(tmp_path.iterdir()) == []
