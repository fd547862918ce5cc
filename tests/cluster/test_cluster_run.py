"""Runs on a cluster of two nodes, undisturbed and disturbed: the bytes are those of one machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import psutil
import pytest
from distributed import Client, Worker

from tests.cluster.conftest import FILES
from tests.support.cluster import (
    Processes,
    lines,
    session_on,
    states,
    wait_until,
)
from tests.support.sessions import (
    DEADLINE_SECONDS,
    finished,
    in_mid_file,
    leftovers,
    outputs,
    session,
    wait_for_row,
)
from tui_balancer.balance.commands import PauseAll, ResumeAll
from tui_balancer.engines.dask_ending import SlotEnding
from tui_balancer.engines.dask_plugin import Look, SlotPlugin
from tui_balancer.engines.dask_request import ClusterRequest

FOUR = {"node-1/cpu:0", "node-1/cpu:1", "node-2/cpu:0", "node-2/cpu:1"}


@pytest.fixture
def there(processes: Processes) -> ClusterRequest:
    """The cluster, all of whose four workers are waited for."""
    return ClusterRequest(scheduler=processes.address, expected_workers=4)


def test_four_workers_of_two_nodes_make_the_bytes_of_one_machine(
    there: ClusterRequest, proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    assert set(states(run)) == FOUR
    run.start()
    assert finished(run).done == FILES
    assert outputs(tmp_path / "out") == quiet
    assert not leftovers(tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*"))


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


def test_a_node_that_joins_late_gets_work_and_the_end_of_its_nanny_loses_none(
    processes: Processes,
    there: ClusterRequest,
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
) -> None:
    run = session_on(there, proteins, checkpoint, tmp_path / "out")
    processes.add_node("node-3", 4, workers=1)
    run.start()
    wait_for_row(run, in_mid_file)
    assert run.execute(PauseAll()).accepted
    wait_until(run, lambda: states(run).get("node-3/cpu:0") == "busy")
    processes.kill_node("node-3")
    wait_until(run, lambda: "node-3/cpu:0 worker died" in " ".join(lines(run)))
    assert run.execute(ResumeAll()).accepted
    assert finished(run).done == FILES
    assert outputs(tmp_path / "out") == quiet


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
    again = session(proteins, checkpoint, tmp_path / "out", cpu_workers=1)
    again.start()
    assert finished(again).done == FILES
    assert outputs(tmp_path / "out") == quiet
