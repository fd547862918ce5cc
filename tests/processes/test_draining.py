"""Devices of a real run that are drained, started and added."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.support.sessions import finished, held, outputs, session, wait_for_row, wait_until
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.prepare import new_device
from tui_balancer.scheduler.commands import DrainDevice, Outcome, PauseAll, ResumeAll, StartDevice
from tui_balancer.scheduler.events import DeviceEvent, ReturnEvent
from tui_balancer.scheduler.model import DeviceState, ReturnCause

pytestmark = pytest.mark.usefixtures("preloaded")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=5, sequences=60, seed=3)
    return folder


@pytest.fixture(scope="module")
def quiet(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, preloaded: None
) -> dict[str, bytes]:
    """The outputs of a run whose devices stay."""
    folder = tmp_path_factory.mktemp("quiet") / "out"
    run = session(proteins, checkpoint, folder, cpu_workers=1)
    run.start()
    assert finished(run).done == 5
    return outputs(folder)


def test_a_drained_worker_is_gone_with_its_memory_and_its_files_are_done_by_the_other(
    proteins: Path, checkpoint: Path, tmp_path: Path, quiet: dict[str, bytes]
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out", cpu_workers=2)
    run.start()
    with held(run) as row:
        process = psutil.Process(run.engine.pids()[row.device])
        assert run.execute(DrainDevice(row.device)).accepted
        assert run.coordinator.queue(row.device) == ()
        # The run cannot end before it is seen that the worker has.
        assert run.execute(PauseAll()).accepted
    wait_for_row(run, lambda one: one.device == row.device and one.state is DeviceState.DRAINED)
    assert not process.is_running()
    assert row.device not in run.engine.pids()
    assert run.execute(ResumeAll()).accepted
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (5, (), 0)
    assert outputs(tmp_path / "out") == quiet
    returned = [event for event in run.events_after(0) if isinstance(event, ReturnEvent)]
    assert [(one.device, one.cause) for one in returned] == [(row.device, ReturnCause.DRAINED)]
    assert all(one.restarts == 0 for one in summary.devices)
    assert all(one.restarts == 0 for one in FinishedRun(tmp_path / "out").summary().devices)


def test_a_run_without_a_device_waits_and_is_finished_by_one_that_it_did_not_have(
    proteins: Path,
    checkpoint: Path,
    tmp_path: Path,
    quiet: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(new_device, "usable_cores", lambda: 2)
    run = session(proteins, checkpoint, tmp_path / "out", cpu_workers=1)
    run.start()
    with held(run):
        answer = run.execute(DrainDevice("cpu:0")).message
        assert answer.endswith("no device is left, the run waits until one is started")
    wait_until(run, lambda: run.snapshot().no_device)
    assert run.engine.pids() == {}
    assert not run.execute(StartDevice("cpu:2")).accepted
    assert run.execute(StartDevice("cpu:1")) == Outcome(True, "cpu:1 starts", undoable=True)
    assert run.execute(StartDevice("cpu:0")).accepted
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (5, (), 0)
    assert outputs(tmp_path / "out") == quiet
    assert [one.device for one in summary.devices] == ["cpu:0", "cpu:1"]
    changes = [event for event in run.events_after(0) if isinstance(event, DeviceEvent)]
    states = {
        device: [
            event.state
            for event in changes
            if event.device == device and event.reason != "model loaded"
        ]
        for device in ("cpu:0", "cpu:1")
    }
    starting, drained = DeviceState.STARTING, DeviceState.DRAINED
    assert states["cpu:0"][:3] == [starting, drained, starting]
    assert states["cpu:1"][:2] == [drained, starting]
    assert all(one.restarts == 0 for one in FinishedRun(tmp_path / "out").summary().devices)
