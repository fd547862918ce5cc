"""A run seen from other processes of its user, and from nowhere else."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import (
    all_end,
    attach_command,
    begin,
    complete,
    run_command,
    workers_of,
)
from tests.support.sessions import at_work, finished, held, session
from tui_balancer.attach.client import AttachedRun, attach
from tui_balancer.attach.point import AttachPoint
from tui_balancer.errors import UserError
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run_folder.names import ATTACH_FILE
from tui_balancer.scheduler.commands import PauseAll, ResumeAll
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.handle import Phase, RunHandle

pytestmark = pytest.mark.usefixtures("preloaded")

DEADLINE_SECONDS = 200.0


@dataclass(frozen=True, slots=True)
class LiveRun:
    """An app process with more work than a test waits for."""

    process: subprocess.Popen[str]
    folder: Path


def start(proteins: Path, folder: Path) -> LiveRun:
    """Start a run and return once its worker is at work."""
    return LiveRun(begin(run_command(proteins, output=folder), "cpu:0  idle"), folder)


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=3, sequences=9000, seed=2)
    return folder


@pytest.fixture(scope="module")
def live(proteins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    run = start(proteins, tmp_path_factory.mktemp("live"))
    yield run
    run.process.kill()
    run.process.wait()


def until(run: RunHandle, condition: Callable[[], object]) -> None:
    """Ask a run until it is so."""
    asked_again = threading.Event()
    for _ in range(int(DEADLINE_SECONDS / 0.05)):
        if condition():
            return
        asked_again.wait(0.05)
    raise AssertionError(f"waited in vain: {run.snapshot()}")


def state(run: RunHandle) -> DeviceState:
    return run.snapshot().devices[0].state


def attached(folder: Path, *, read_only: bool = False) -> AttachedRun:
    run = attach(folder, read_only=read_only)
    assert isinstance(run, AttachedRun)
    return run


def test_two_at_once_see_the_same_run_and_what_either_of_them_does_to_it(live: LiveRun) -> None:
    one, other = attached(live.folder), attached(live.folder)
    until(one, lambda: state(one) is DeviceState.BUSY)
    assert one.snapshot().totals.files == other.snapshot().totals.files == 3
    assert one.events_after(0)[:3] == other.events_after(0)[:3] != ()
    places = one.places(-1)
    assert places is not None
    assert len(places.queues["cpu:0"]) == 2
    assert other.places(-1) == places
    assert one.execute(PauseAll()).accepted
    until(other, lambda: state(other) is DeviceState.PAUSED)
    assert other.execute(ResumeAll()).accepted
    until(one, lambda: state(one) is DeviceState.BUSY)


def test_read_only_shows_everything_and_refuses_every_command(live: LiveRun) -> None:
    run = attached(live.folder, read_only=True)
    assert run.snapshot().totals.files == 3
    outcome = run.execute(PauseAll())
    assert not outcome.accepted
    assert "read-only" in outcome.message
    assert not attached(live.folder).snapshot().paused


def test_lines_can_be_watched_from_a_second_process_whose_end_is_not_the_run_s(
    live: LiveRun,
) -> None:
    viewer = subprocess.Popen(
        attach_command(live.folder, "--headless"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert viewer.stdout is not None
    assert any(re.search(r"running +0/3 files", line) for line in viewer.stdout)
    viewer.send_signal(signal.SIGINT)
    viewer.communicate(timeout=DEADLINE_SECONDS)
    assert viewer.returncode == 130
    run = attached(live.folder)
    assert run.snapshot().phase is Phase.RUNNING
    assert run.summary() is None


def test_the_way_in_is_the_owner_s_alone_and_not_from_the_network(live: LiveRun) -> None:
    word = live.folder / ATTACH_FILE
    socket = Path(json.loads(word.read_text())["address"])
    assert stat.S_IMODE(word.stat().st_mode) == 0o600
    assert stat.S_ISSOCK(socket.stat().st_mode)
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    app = psutil.Process(live.process.pid)
    for process in (app, *app.children(recursive=True)):
        assert process.net_connections(kind="inet") == []


def test_a_wrong_key_and_another_machine_are_refused_by_name(live: LiveRun, tmp_path: Path) -> None:
    point = AttachPoint.read(live.folder)
    assert point is not None
    replace(point, steer_key=b"guessed").write(tmp_path)
    with pytest.raises(UserError, match=r"key in attach\.json is not the run's"):
        attach(tmp_path)
    replace(point, host="node17").write(tmp_path)
    with pytest.raises(UserError, match=rf"on node17 \(process {point.pid}\)\. Attach to it there"):
        attach(tmp_path)


def test_a_killed_run_is_called_dead_with_the_way_to_go_on(proteins: Path, tmp_path: Path) -> None:
    run = start(proteins, tmp_path / "out")
    workers = workers_of(run.process.pid)
    watching = attached(run.folder)
    assert watching.summary() is None
    run.process.kill()
    run.process.wait()
    assert watching.snapshot().phase is Phase.FINISHED
    assert f"process {run.process.pid}" in watching.snapshot().stop_reason
    summary = watching.summary()
    assert summary is not None
    assert (summary.done, summary.waiting) == (0, 3)
    assert not watching.execute(PauseAll()).accepted
    late = complete(attach_command(run.folder))
    assert late.returncode == 2
    assert late.stdout == ""
    assert len(late.stderr.splitlines()) == 1
    assert f"tui-balancer resume {run.folder}" in late.stderr
    assert all_end(workers)


def test_a_folder_without_a_run_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no run here"):
        attach(tmp_path)


def test_an_ended_run_is_shown_as_it_was_at_its_end(tmp_path: Path) -> None:
    inputs, output = tmp_path / "inputs", tmp_path / "out"
    write_synthetic(inputs, files=5, sequences=40, seed=1)
    (inputs / "notes.fasta").write_text("these are my notes\n")
    run = session(inputs, make_checkpoint(tmp_path / "esm2_tiny.pt"), output)
    run.start()
    watching = attached(output)
    with held(run, at_work) as row:
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    ended = finished(run)
    events = run.events_after(0)
    assert not (output / ATTACH_FILE).exists()
    past = attach(output)
    assert isinstance(past, FinishedRun)
    assert replace(past.summary(), elapsed_seconds=ended.elapsed_seconds) == ended
    assert sum(device.restarts for device in ended.devices) == 1
    assert past.summary().elapsed_seconds == pytest.approx(ended.elapsed_seconds, abs=1.0)
    assert past.snapshot().totals == run.snapshot().totals
    assert past.events_after(0) == events
    assert watching.summary() == ended
