"""The engine against real processes that crash, hang, and lose their app."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from textual.app import App

from tests.processes.conftest import Workshop
from tests.support.tasks import write_task
from tests.support.work_board import DEADLINE_SECONDS
from tui_balancer.engines import local
from tui_balancer.engines.worker_end import Cause, WorkerEnd
from tui_balancer.leases import Directive
from tui_balancer.workers.process.memory import limit_note
from tui_balancer.workers.process.warm import WarmPool, WarmProcess
from tui_balancer.workers.wire.protocol import WorkerId

REPOSITORY = Path(__file__).parents[2]


def test_a_worker_killed_in_mid_file_is_noticed_and_its_successor_does_the_same_work(
    workshop: Workshop,
) -> None:
    task = write_task(workshop.folder, 0)
    workshop.board.put(task)
    workshop.engine.start()
    workshop.board.wait_until(lambda: bool(workshop.board.results))
    undisturbed = workshop.board.results[0].files[0].written[0].sha256

    workshop.restart = True
    workshop.board.set_order(Directive.PAUSE)
    workshop.board.put(replace(task, epoch=2))
    workshop.board.wait_until(lambda: bool(workshop.board.paused))
    os.kill(workshop.pid, signal.SIGKILL)
    workshop.wait_for_exits(1)
    assert workshop.exits == [(WorkerId("cpu:0", 1), WorkerEnd(Cause.KILLED, "killed by SIGKILL"))]

    workshop.board.set_order(Directive.CONTINUE)
    workshop.board.put(replace(task, epoch=3))
    workshop.board.wait_until(lambda: len(workshop.board.results) == 2)
    assert workshop.board.taken[-1][0] == WorkerId("cpu:0", 2)
    assert workshop.board.results[-1].epoch == 3
    assert workshop.board.results[-1].files[0].written[0].sha256 == undisturbed


def test_a_worker_that_fails_says_where_to_look_and_is_not_started_again_unasked(
    workshop: Workshop,
) -> None:
    workshop.model = replace(workshop.model, checkpoint=workshop.folder / "gone.pt")
    workshop.engine.start()
    workshop.wait_for_exits(1)

    end = WorkerEnd(Cause.FAILED, f"exit code 1: see worker-cpu_0.log{limit_note()}")
    assert workshop.exits == [(WorkerId("cpu:0", 1), end)]
    assert "there is no checkpoint" in workshop.log.read_text()
    assert workshop.engine.pids() == {}


def test_a_worker_that_was_killed_on_purpose_ends_for_the_reason_given(workshop: Workshop) -> None:
    workshop.engine.start()
    workshop.board.wait_until(lambda: bool(workshop.board.idle))
    pid = workshop.pid
    os.kill(pid, signal.SIGSTOP)
    workshop.engine.kill("cpu:0", pid, "no progress for 5m 00s")
    workshop.wait_for_exits(1)

    end = WorkerEnd(Cause.HUNG, "no progress for 5m 00s")
    assert workshop.exits == [(WorkerId("cpu:0", 1), end)]


def test_a_successor_is_not_killed_for_what_its_predecessor_did(workshop: Workshop) -> None:
    workshop.restart = True
    workshop.engine.start()
    workshop.board.wait_until(lambda: bool(workshop.board.idle))
    first = workshop.pid
    os.kill(first, signal.SIGKILL)
    workshop.board.wait_until(lambda: len(workshop.board.hellos) == 2)
    workshop.engine.kill("cpu:0", first, "no progress for 5m 00s")
    workshop.engine.kill("cpu:1", first, "no such device")
    workshop.board.end()
    workshop.wait_for_exits(2)

    assert workshop.exits == [
        (WorkerId("cpu:0", 1), WorkerEnd(Cause.KILLED, "killed by SIGKILL")),
        (WorkerId("cpu:0", 2), WorkerEnd(Cause.LEFT)),
    ]


class Idler(WarmProcess):
    """A process that does nothing, whatever it is asked."""

    def __init__(self, idlers: Idlers) -> None:
        self._idlers = idlers
        self.process = multiprocessing.get_context("spawn").Process(target=signal.pause)
        self.process.start()

    def call_last(self, function: object, *args: Any, log: Path) -> None:
        device = args[0].worker.device
        self._idlers.processes[device] = self.process
        self._idlers.started.put(device)


class Idlers(WarmPool):
    """Starts processes that do nothing.

    Attributes:
        processes: By device.
        started: The devices, in the order of their starts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: dict[str, SpawnProcess] = {}
        self.started: Queue[str] = Queue()

    def take(self, *_: object) -> Idler:
        return Idler(self)


def setup_of_idler(device: str) -> SimpleNamespace:
    return SimpleNamespace(worker=WorkerId(device, 1), log=Path(os.devnull), threads=1, visible="")


def test_a_worker_that_dies_while_the_end_of_another_is_dealt_with_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    idlers = Idlers()

    exits: Queue[str] = Queue()

    def on_exit(worker: WorkerId, end: WorkerEnd) -> bool:
        if worker.device == "cpu:1":
            other = idlers.processes["cpu:0"]
            other.kill()
            other.join()
        exits.put(worker.device)
        return False

    monkeypatch.setattr(local, "SETTLING_SECONDS", 0.0)
    engine = local.LocalEngine(
        ["cpu:0", "cpu:1"],
        setup_of_idler,  # type: ignore[arg-type]
        on_exit,
        pool=idlers,
    )
    engine.start()
    assert {idlers.started.get(timeout=DEADLINE_SECONDS) for _ in range(2)} == {"cpu:0", "cpu:1"}
    idlers.processes["cpu:1"].kill()
    try:
        assert exits.get(timeout=DEADLINE_SECONDS) == "cpu:1"
        assert exits.get(timeout=DEADLINE_SECONDS) == "cpu:0"
    finally:
        engine.stop()


def test_a_device_that_should_have_a_worker_gets_one_and_no_second_one() -> None:
    idlers = Idlers()
    started, absent = idlers.started, ["cpu:0", "cpu:1"]
    engine = local.LocalEngine(
        ["cpu:0"],
        setup_of_idler,  # type: ignore[arg-type]
        lambda worker, end: False,
        lambda: absent,
        idlers,
    )
    engine.start()
    try:
        assert started.get(timeout=DEADLINE_SECONDS) == "cpu:0"
        engine.start_absent()
        assert started.get(timeout=DEADLINE_SECONDS) == "cpu:1"
        absent.append("cpu:2")
        engine.start_absent()
        assert started.get(timeout=DEADLINE_SECONDS) == "cpu:2"
        assert started.empty()
    finally:
        engine.stop()


def test_stopping_kills_a_worker_that_hangs(workshop: Workshop) -> None:
    workshop.engine.start()
    workshop.board.wait_until(lambda: bool(workshop.board.idle))
    worker = psutil.Process(workshop.pid)
    worker.suspend()
    workshop.engine.stop()

    assert not worker.is_running()
    assert workshop.engine.pids() == {}
    assert workshop.exits == []


def test_stopping_an_engine_that_never_started_returns(workshop: Workshop) -> None:
    workshop.engine.stop()

    assert workshop.engine.pids() == {}


def test_no_worker_outlives_an_app_that_is_killed(tmp_path: Path) -> None:
    app = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.app", str(tmp_path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert app.stdout is not None
    workers = [psutil.Process(int(pid)) for pid in app.stdout.readline().split()]
    app.kill()
    app.wait()

    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=DEADLINE_SECONDS)
    for worker in alive:
        worker.kill()
    assert alive == []


async def test_workers_start_under_a_running_full_screen_app(workshop: Workshop) -> None:
    class Screen(App[None]):
        def on_mount(self) -> None:
            workshop.engine.start()

    workshop.board.put(write_task(workshop.folder, 0))
    workshop.board.end()
    async with Screen().run_test():
        await asyncio.to_thread(workshop.wait_for_exits, 1)

    assert workshop.exits == [(WorkerId("cpu:0", 1), WorkerEnd(Cause.LEFT))]
    assert workshop.board.results[0].files[0].error == ""


def test_the_end_of_a_worker_that_is_killed_just_before_the_app_is_stopped_is_not_reported(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SETTLING_SECONDS", 10 * DEADLINE_SECONDS)
    workshop.engine.start()
    workshop.board.wait_until(lambda: bool(workshop.board.idle))
    pid = workshop.pid
    os.kill(pid, signal.SIGKILL)
    # Its exit status is left to the engine, which may have it already.
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    workshop.engine.stop()

    assert workshop.exits == []


def test_a_worker_that_crashes_by_itself_is_reported_at_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SETTLING_SECONDS", 10 * DEADLINE_SECONDS)
    workshop.engine.start()
    workshop.board.wait_until(lambda: bool(workshop.board.idle))
    os.kill(workshop.pid, signal.SIGSEGV)
    workshop.wait_for_exits(1)

    end = WorkerEnd(Cause.CRASHED, "killed by SIGSEGV")
    assert workshop.exits == [(WorkerId("cpu:0", 1), end)]
