"""Runs on a cluster of two nodes, undisturbed and disturbed: the bytes are those of one machine."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import psutil
import pytest
from distributed import Client, Worker

from tests.cluster.conftest import FILES
from tests.support.checkpoints import make_checkpoint
from tests.support.cluster import (
    Processes,
    lines,
    session_on,
    states,
)
from tests.support.network import Network, Switch
from tests.support.sessions import (
    DEADLINE_SECONDS,
    completed,
    finished,
    in_mid_file,
    leftovers,
    outputs,
    session,
    wait_for_row,
    wait_until,
)
from tui_balancer.engines.dask import engine
from tui_balancer.engines.dask.node_check import Look
from tui_balancer.engines.dask.plugin import SlotEnding, SlotPlugin
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.errors import UserError
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.scheduler.commands import (
    DrainDevice,
    PauseAll,
    PauseDevice,
    ResumeAll,
    StartDevice,
)
from tui_balancer.scheduler.events import DeviceEvent, DoneEvent, ReturnEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.settings import RunSettings
from tui_balancer.view.handle import Step
from tui_balancer.workers.wire.protocol import TaskResult, WorkerId

FOUR = {"node-1/cpu:0", "node-1/cpu:1", "node-2/cpu:0", "node-2/cpu:1"}


@pytest.fixture(autouse=True)
def _nodes_are_told(network: Network, record_property: Callable[[str, object], None]) -> None:
    """Have the suite's last lines say what the nodes were."""
    record_property("nodes", network.kind)


@pytest.fixture
def there(processes: Processes) -> ClusterRequest:
    """The cluster, all of whose four workers are waited for."""
    return ClusterRequest(scheduler=processes.address, expected_workers=4)


def test_four_workers_of_two_nodes_make_the_bytes_of_one_machine(
    there: ClusterRequest,
    network: Network,
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    assert set(states(run)) == FOUR
    assert completed(run).done == FILES
    assert outputs(tmp_path / "out") == quiet
    assert not leftovers(tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*"))
    unprotected = any("neither local nor protected by TLS" in one for one in lines(run))
    assert unprotected is isinstance(network, Switch)


def test_a_node_that_does_not_see_an_input_says_which_before_any_work(
    there: ClusterRequest, proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    inputs = Path(shutil.copytree(proteins, tmp_path / "in"))

    def hide(step: Step) -> None:
        # This machine has seen its inputs by now.
        if step.what == "waiting for workers":
            shutil.rmtree(inputs, ignore_errors=True)

    settings = RunSettings((str(inputs),), tmp_path / "out", str(checkpoint), cluster=there)
    with pytest.raises(UserError) as refused:
        prepare(settings, on_step=hide)
    told = "the node node-1 (worker node-1-0) does not see what this machine sees: "
    assert str(refused.value).startswith(f"{told}{inputs}/sample_")
    assert "(No such file or directory). The run folder, the inputs" in str(refused.value)


def test_a_node_with_other_weights_is_left_out_by_its_name(
    there: ClusterRequest, proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    model = Path(shutil.copy(checkpoint, tmp_path))
    run = session_on(there, proteins, model, tmp_path / "out")
    run.start()
    victim = wait_for_row(run, in_mid_file).device
    assert run.execute(PauseAll()).accepted
    # The others have theirs; whoever loads it now finds another of the same size.
    make_checkpoint(tmp_path / "other" / model.name, 4, 160, 8, seed=1).replace(model)
    os.kill(run.engine.pids()[victim], signal.SIGKILL)
    told = f"{victim} is left out: {model} is not the model that the run began with"
    wait_until(run, lambda: any(one.startswith(told) for one in lines(run)))
    assert run.execute(ResumeAll()).accepted
    summary = finished(run)
    assert summary.done == FILES
    assert [one.device for one in summary.devices if one.restarts] == [victim]
    assert outputs(tmp_path / "out") == quiet


def test_slots_end_with_an_app_that_says_nothing_any_more(
    processes: Processes, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("of a run")
    look = Look(token, "of a run", (), processor_only=True)
    left: Queue[str] = Queue()
    with Client(processes.address, set_as_default=False) as other:
        other.subscribe_topic("all", note(left))
        other.wait_for_workers(4, timeout=DEADLINE_SECONDS)
        with Client(processes.address, set_as_default=False) as app:
            app.register_plugin(SlotEnding("a-run", app.id), "a-run-ending")
            app.register_plugin(SlotPlugin("a-run", look), "a-run")
            assert all(other.run(has_plugin, "a-run").values())
            gone = app.id
        while left.get(timeout=DEADLINE_SECONDS) != f"remove-client {gone}":
            pass
        # The scheduler takes the plugin away after it told that the client is gone.
        while any(other.run(has_plugin, "a-run").values()):
            pass


def note(left: Queue[str]) -> Callable[[tuple[float, dict[str, object]]], None]:
    """Return what writes down who comes and goes."""
    return lambda event: left.put(f"{event[1].get('action')} {event[1].get('client')}")


def has_plugin(name: str, dask_worker: Worker) -> bool:
    """Whether a worker has a plugin; runs there."""
    return name in dask_worker.plugins


def test_a_killed_worker_comes_back_by_its_nanny_and_costs_no_byte(
    there: ClusterRequest, proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    run.start()
    victim = wait_for_row(run, in_mid_file).device
    os.kill(run.engine.pids()[victim], signal.SIGKILL)
    wait_until(run, lambda: f"{victim} worker died: its process was lost; restart 1" in lines(run))
    assert finished(run).done == FILES
    assert outputs(tmp_path / "out") == quiet


def test_a_drained_worker_gives_its_memory_back_and_computes_again_when_it_is_started(
    there: ClusterRequest, proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    run.start()
    victim = wait_for_row(run, in_mid_file).device
    process = psutil.Process(run.engine.pids()[victim])
    # The run cannot end before the worker is back.
    assert run.execute(PauseAll()).accepted
    assert run.execute(DrainDevice(victim)).accepted
    wait_for_row(run, lambda one: one.device == victim and one.state is DeviceState.DRAINED)
    process.wait(DEADLINE_SECONDS)
    assert run.execute(StartDevice(victim)).accepted
    wait_until(run, lambda: _ready_again(run, victim))
    run.execute(ResumeAll())
    assert finished(run).done == FILES
    assert outputs(tmp_path / "out") == quiet


def _ready_again(run: RunSession, device: str) -> bool:
    """Whether a device has a worker that loaded its model after the device was drained."""
    changes = [
        event.state
        for event in run.events_after(0)
        if isinstance(event, DeviceEvent) and event.device == device
    ]
    last = len(changes) - changes[::-1].index(DeviceState.DRAINED)
    return DeviceState.IDLE in changes[last:]


def test_a_stopped_worker_is_given_up_by_its_silence_and_its_nanny_kills_it(
    there: ClusterRequest, proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out", hang_floor=1.0, splitting=False)
    run.start()
    victim = wait_for_row(run, in_mid_file).device
    stopped = psutil.Process(run.engine.pids()[victim])
    stopped.suspend()
    wait_until(run, lambda: any(f"{victim} worker died: no progress" in one for one in lines(run)))
    assert finished(run).done == FILES
    stopped.wait(DEADLINE_SECONDS)
    assert outputs(tmp_path / "out") == quiet


def test_a_node_that_was_cut_off_is_refused_its_late_answer_and_comes_back(
    processes: Processes,
    there: ClusterRequest,
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out", hang_floor=1.0, splitting=False)
    answered: Queue[tuple[str, int, int]] = Queue()
    take_answer = run.worker_service.finish

    def finish(worker: WorkerId, result: TaskResult) -> None:
        take_answer(worker, result)
        answered.put((worker.device, result.unit_id, result.epoch))

    monkeypatch.setattr(run.worker_service, "finish", finish)
    run.start()
    row = wait_for_row(run, in_mid_file)
    node, lease = row.device.partition("/")[0], row.running
    assert lease is not None
    # Nobody else is to take it meanwhile.
    for device in FOUR - {row.device}:
        assert run.execute(PauseDevice(device)).accepted
    # It is told to kill the worker, and hears that only once the answer has come.
    nanny = psutil.Process(processes.nodes[node].pid)
    nanny.suspend()
    processes.cut_off(node)
    lost = f"{row.device} worker died: no progress"
    wait_until(run, lambda: any(lost in one for one in lines(run)))
    processes.connect(node)
    unit = lease.unit.unit_id
    while answered.get(timeout=DEADLINE_SECONDS) != (row.device, unit, lease.epoch):
        pass
    done = [one for one in run.events_after(0) if isinstance(one, DoneEvent)]
    assert (unit, lease.epoch) not in [(one.unit_id, one.epoch) for one in done]
    stem = Path(lease.unit.name).stem
    assert not list((tmp_path / "out").rglob(f"{stem}_ESM.*.{lease.epoch}.tmp"))
    nanny.resume()
    wait_until(run, lambda: [*lines(run)].count(f"{row.device} model loaded") == 2)
    run.execute(ResumeAll())
    assert finished(run).done == FILES
    assert outputs(tmp_path / "out") == quiet


def test_a_node_that_joins_late_gets_work_and_the_end_of_its_nanny_loses_none(
    processes: Processes,
    there: ClusterRequest,
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "REJOIN_SECONDS", 0.0)
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    processes.add_node("node-3", workers=1)
    run.start()
    wait_for_row(run, in_mid_file)
    assert run.execute(PauseAll()).accepted
    wait_until(run, lambda: states(run).get("node-3/cpu:0") == "busy")
    processes.kill_node("node-3")
    wait_until(run, lambda: states(run)["node-3/cpu:0"] == "dead")
    assert run.execute(ResumeAll()).accepted
    assert finished(run).done == FILES
    assert outputs(tmp_path / "out") == quiet


def test_a_node_whose_whole_group_is_told_to_end_leaves_in_order_and_no_file_is_charged(
    processes: Processes,
    there: ClusterRequest,
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "REJOIN_SECONDS", 0.0)
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    run.start()
    victim = wait_for_row(run, in_mid_file).device
    assert run.execute(PauseAll()).accepted
    node = victim.partition("/")[0]
    # As Slurm does at a job's time limit; a node leads a group of its own.
    os.killpg(processes.nodes[node].pid, signal.SIGTERM)
    try:
        wait_until(run, lambda: states(run)[victim] == "dead")
        assert f"{victim} left the cluster" in lines(run)
        assert run.execute(ResumeAll()).accepted
        assert finished(run).done == FILES
        assert outputs(tmp_path / "out") == quiet
        events = run.events_after(0)
        assert not [one for one in events if isinstance(one, ReturnEvent) and one.charged]
    finally:
        processes.nodes.pop(node).communicate()
        processes.add_node(node)


def test_without_its_scheduler_a_run_stops_in_order_and_goes_on_elsewhere(
    processes: Processes,
    there: ClusterRequest,
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    run.start()
    wait_for_row(run, in_mid_file)
    # The module's last test: nobody needs it any more.
    processes.kill_scheduler()
    summary = finished(run)
    assert summary.stop_reason == f"the scheduler {processes.address} is gone"
    assert summary.waiting == FILES - summary.done > 0
    assert completed(session(proteins, checkpoint, tmp_path / "out", cpu_workers=1)).done == FILES
    assert outputs(tmp_path / "out") == quiet
