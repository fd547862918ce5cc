"""The shared queues over their socket: taking, waiting, and who may connect."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Client
from multiprocessing.managers import BaseManager, RemoteError
from pathlib import Path

import pytest

from tests.support.tasks import write_task
from tests.support.work_board import DEADLINE_SECONDS, ListBoard
from tui_balancer.leases import Directive, Progress
from tui_balancer.samples import DeviceSample, Telemetry
from tui_balancer.workers.wire import peers
from tui_balancer.workers.wire import queues as module
from tui_balancer.workers.wire.protocol import (
    DeviceFacts,
    TaskProgress,
    TaskResult,
    WorkerId,
)
from tui_balancer.workers.wire.queues import (
    SharedWorkQueues,
    WorkQueue,
    create_shared_work_queues,
)

WORKER = WorkerId("cpu:0", 1)


@pytest.fixture
def board() -> ListBoard:
    return ListBoard()


@pytest.fixture
def served(board: ListBoard) -> SharedWorkQueues:
    shared, _manager = create_shared_work_queues(board)
    return shared


@pytest.fixture
def work(served: SharedWorkQueues) -> WorkQueue:
    return served.connect(WORKER)


def test_a_task_is_taken_once_then_the_queue_is_empty_then_the_run_is_over(
    board: ListBoard, work: WorkQueue, tmp_path: Path
) -> None:
    task = write_task(tmp_path, 0)
    board.put(task)

    assert work.get_nowait() == task
    with pytest.raises(queue.Empty):
        work.get_nowait()
    board.end()
    assert work.get_nowait() is None


def test_a_waiting_worker_is_woken_by_new_work(
    board: ListBoard, work: WorkQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Were it not woken, it would not look again before the test has failed.
    monkeypatch.setattr(module, "_WAIT_SECONDS", 10 * DEADLINE_SECONDS)
    taken: queue.Queue[object] = queue.Queue()
    threading.Thread(target=lambda: taken.put(work.take()), daemon=True).start()
    board.wait_until(lambda: bool(board.idle))
    task = write_task(tmp_path, 0)
    board.put(task)

    assert taken.get(timeout=DEADLINE_SECONDS) == task


def test_a_waiting_worker_holds_up_no_other_thread_of_its_process(
    board: ListBoard, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 10 * DEADLINE_SECONDS)
    threading.Thread(target=work.take, daemon=True).start()
    board.wait_until(lambda: bool(board.idle))
    telemetry = Telemetry(1.5, DeviceSample(2))
    work.telemetry(telemetry)

    assert board.telemetry_reports == [telemetry]
    assert board.idle == {WORKER}
    board.end()


def test_what_a_worker_says_arrives_as_it_was_said(board: ListBoard, work: WorkQueue) -> None:
    facts = DeviceFacts("some CPU", 1, 0.5, "abc", 2)
    progress = TaskProgress(0, 1, Progress(2, 3, 4.0))
    result = TaskResult(0, 1, (), 1.0)
    work.hello(facts)
    board.set_order(Directive.PAUSE)

    assert work.progress(progress) is Directive.PAUSE
    board.set_order(Directive.ABANDON)
    assert work.wait_while_paused() is Directive.ABANDON
    work.finish(result)
    assert board.hellos == [(WORKER, facts)]
    assert board.progress_reports == [progress]
    assert board.results == [result]


def test_a_wrong_key_is_refused(served: SharedWorkQueues) -> None:
    with pytest.raises(multiprocessing.AuthenticationError):
        replace(served, authkey=b"not the key").connect(WORKER)


def test_the_key_stays_out_of_what_is_printed(served: SharedWorkQueues) -> None:
    assert repr(served.authkey) not in repr(served)


def test_the_socket_path_is_short_however_long_the_temporary_folder_is(
    board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    shared, _manager = create_shared_work_queues(board)

    assert shared.connect(WORKER)


def test_nothing_but_the_board_can_be_called(served: SharedWorkQueues) -> None:
    class Curious(BaseManager):
        pass

    Curious.register("board", exposed=("put",))
    client = Curious(served.address, served.authkey)
    client.connect()
    with pytest.raises(RemoteError, match="not in exposed"):
        client.board()._callmethod("put")  # type: ignore[attr-defined]


def test_the_socket_goes_with_the_process() -> None:
    program = (
        "from tests.support.work_board import ListBoard\n"
        "from tui_balancer.workers.wire.queues import create_shared_work_queues\n"
        "shared, manager = create_shared_work_queues(ListBoard())\n"
        "print(shared.address)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    assert done.stdout.strip()
    assert not Path(done.stdout.strip()).parent.exists()


def test_a_process_of_another_user_is_hung_up_on_before_it_is_read(
    served: SharedWorkQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "peer_user", lambda _: os.geteuid() + 1)
    with pytest.raises((EOFError, OSError)):
        served.connect(WORKER)


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._file,)


def test_nothing_is_unpickled_before_the_peer_has_proved_that_it_knows_the_key(
    served: SharedWorkQueues, tmp_path: Path
) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "here")))
    with Client(served.address) as stranger, suppress(EOFError, OSError):
        stranger.recv_bytes()
        stranger.send(Bomb(tmp_path / "there"))
        while stranger.recv_bytes():
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
