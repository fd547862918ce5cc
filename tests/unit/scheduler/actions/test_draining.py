"""Devices that are drained and started: who gets their files, and when their workers end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.balance import Bench, unit
from tui_balancer.leases import Directive
from tui_balancer.scheduler.commands import (
    DrainDevice,
    MoveUnits,
    Outcome,
    PauseDevice,
    ReorderUnits,
    RetryUnits,
    SkipUnits,
    StartDevice,
    Undo,
)
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import DeviceEvent, ReturnEvent
from tui_balancer.scheduler.model import (
    DeviceSpec,
    DeviceState,
    ModelSpec,
    ReturnCause,
    TimeSettings,
    Unit,
    UnitTraits,
)


def drain(bench: Bench, device: str) -> Outcome:
    return bench.coordinator.execute(DrainDevice(device))


def start(bench: Bench, device: str) -> Outcome:
    return bench.coordinator.execute(StartDevice(device))


def end(bench: Bench, device: str) -> bool:
    """Let a worker end as it was told to; return whether another one follows."""
    assert bench.coordinator.finished_for(device, bench.incarnations[device])
    return bench.die(device, "")


def row(bench: Bench, device: str) -> Any:
    return next(one for one in bench.coordinator.get_gpu_metrics() if one.device == device)


def test_a_drained_device_hands_its_file_over_at_the_batch_boundary() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    lease = bench.must_take("cuda:0")
    assert drain(bench, "cuda:0") == Outcome(
        True,
        "cuda:0 is drained after its batch in flight; 1 file goes to other devices",
        undoable=True,
    )
    assert (row(bench, "cuda:0").state, row(bench, "cuda:0").note) == (
        DeviceState.BUSY,
        "its worker is ending",
    )
    assert bench.progress(lease, 0.5) is Directive.ABANDON
    assert bench.coordinator.return_lease("cuda:0", 1, 0, 1, ReturnCause.STOPPED)
    returned = next(event for event in bench.journal if isinstance(event, ReturnEvent))
    assert (returned.cause, returned.charged) == (ReturnCause.DRAINED, False)
    assert returned.reason == "its device was drained"
    assert bench.waiting("cuda:1")[0] == 0
    assert bench.take("cuda:0") is None
    assert not end(bench, "cuda:0")
    assert (row(bench, "cuda:0").state, row(bench, "cuda:0").note) == (DeviceState.DRAINED, "")
    assert row(bench, "cuda:0").restarts == 0


def test_a_file_that_is_computed_is_written_before_the_worker_ends() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    drain(bench, "cuda:0")
    assert bench.progress(lease, 1.0, computed=True) is Directive.CONTINUE
    assert bench.coordinator.finished_for("cuda:0", 1)
    assert bench.finish(lease)
    assert not end(bench, "cuda:0")
    assert bench.coordinator.totals().done == 1


def test_a_paused_worker_ends_too() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    bench.coordinator.execute(PauseDevice("cuda:0"))
    assert bench.progress(lease, 0.5) is Directive.PAUSE
    drain(bench, "cuda:0")
    assert bench.coordinator.wait_while_paused("cuda:0", 1, 0.0) is Directive.ABANDON


def test_a_worker_that_is_killed_instead_of_ending_is_held_against_nobody() -> None:
    bench = Bench(costs=[9, 8], max_restarts=0, poison_limit=1)
    lease = bench.must_take("cuda:0")
    drain(bench, "cuda:0")
    bench.clock.now += 15
    assert bench.coordinator.leaving(15.1) == ()
    assert bench.coordinator.leaving(15.0) == ("cuda:0",)
    assert not bench.die("cuda:0", "it did not end in time")
    assert bench.coordinator.leaving(0.0) == ()
    assert row(bench, "cuda:0").state is DeviceState.DRAINED
    assert bench.waiting("cuda:1") == [lease.unit.unit_id, 1]
    assert bench.coordinator.totals().failed == 0


def test_its_files_take_their_places_by_size_behind_those_that_a_person_put_first() -> None:
    bench = Bench(weights=(1.0, 1.0), costs=[9, 8, 7, 6, 5, 4, 3, 2])
    assert bench.waiting("cuda:0") == [0, 3, 4, 7]
    assert bench.waiting("cuda:1") == [1, 2, 5, 6]
    bench.coordinator.execute(ReorderUnits((6,), first=True))
    bench.coordinator.execute(ReorderUnits((4,), first=True))
    drain(bench, "cuda:0")
    assert bench.waiting("cuda:0") == []
    assert bench.waiting("cuda:1") == [4, 6, 0, 1, 2, 3, 5, 7]


def test_its_files_go_to_the_devices_that_finish_first() -> None:
    bench = Bench(weights=(1.0, 1.0, 3.0), costs=[6] * 15)
    assert [len(bench.waiting(f"cuda:{n}")) for n in range(3)] == [3, 3, 9]
    drain(bench, "cuda:0")
    assert [len(bench.waiting(f"cuda:{n}")) for n in range(3)] == [0, 4, 11]
    drain(bench, "cuda:2")
    assert len(bench.waiting("cuda:1")) == 15


def test_files_of_a_model_go_to_the_devices_that_have_it() -> None:
    coordinator = WorkStealingCoordinator(
        [DeviceSpec(f"cuda:{n}", "card", 1.0, model=n % 2) for n in range(4)],
        policy=TimeSettings(),
        clock=lambda: 0.0,
        models=[ModelSpec("one"), ModelSpec("two")],
    )
    coordinator.assign(
        Unit(n, f"{n}.faa", 1, 10, 5.0, UnitTraits(model=number))
        for number in range(2)
        for n in [2 * number]
    )
    own = coordinator.queue("cuda:1")
    assert [one.model for one in own] == [1]
    coordinator.execute(DrainDevice("cuda:1"))
    assert coordinator.queue("cuda:3") == own


@pytest.mark.parametrize("stealing", [True, False])
def test_without_a_device_the_run_waits_and_the_one_that_is_started_takes_over(
    stealing: bool,
) -> None:
    bench = Bench(costs=[9, 8, 7, 6], stealing=stealing)
    drain(bench, "cuda:0")
    assert drain(bench, "cuda:1").message == (
        "cuda:1 is drained; no device is left, the run waits until one is started"
    )
    assert not end(bench, "cuda:0")
    assert not end(bench, "cuda:1")
    assert not bench.coordinator.over
    assert bench.coordinator.absent() == ()
    bench.coordinator.execute(SkipUnits((0,)))
    assert bench.coordinator.execute(RetryUnits((0,))).accepted
    assert start(bench, "cuda:0") == Outcome(True, "cuda:0 starts", undoable=True)
    assert bench.coordinator.absent() == ("cuda:0",)
    assert sorted(bench.waiting("cuda:0")) == [0, 1, 2, 3]
    bench.incarnations["cuda:0"] = bench.coordinator.worker_starting("cuda:0")
    bench.coordinator.worker_ready("cuda:0", 2)
    while (lease := bench.take("cuda:0")) is not None:
        bench.finish(lease)
    assert bench.coordinator.over


def test_a_device_that_is_started_while_its_worker_ends_gets_another_one() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    lease = bench.must_take("cuda:0")
    drain(bench, "cuda:0")
    assert start(bench, "cuda:0").message == "cuda:0 starts once its last worker has ended"
    assert bench.coordinator.absent() == ()
    assert bench.progress(lease, 0.5) is Directive.ABANDON
    bench.coordinator.return_lease("cuda:0", 1, 0, 1, ReturnCause.STOPPED)
    assert bench.take("cuda:0") is None
    assert end(bench, "cuda:0")
    assert row(bench, "cuda:0").restarts == 0
    states = [event.state for event in bench.journal if isinstance(event, DeviceEvent)]
    assert states[-3:] == [DeviceState.DRAINED, DeviceState.STARTING, DeviceState.IDLE]
    assert bench.take("cuda:0") is not None


def test_a_worker_that_starts_as_its_device_is_drained_ends_again() -> None:
    bench = Bench(costs=[9, 8])
    bench.die("cuda:0", restart=False)
    drain(bench, "cuda:0")
    assert row(bench, "cuda:0").state is DeviceState.DRAINED
    bench.incarnations["cuda:0"] = bench.coordinator.worker_starting("cuda:0")
    assert bench.coordinator.finished_for("cuda:0", 2)
    assert not end(bench, "cuda:0")


def test_a_drain_is_undone_by_a_start_and_a_start_by_a_drain() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    drain(bench, "cuda:0")
    end(bench, "cuda:0")
    assert bench.coordinator.execute(Undo()).message == "undone: cuda:0 starts"
    assert bench.coordinator.absent() == ("cuda:0",)
    drain(bench, "cuda:0")
    start(bench, "cuda:0")
    assert bench.coordinator.execute(Undo()).message == "undone: cuda:0 is drained"
    assert bench.coordinator.absent() == ()
    assert bench.coordinator.execute(Undo()).message == "undone: cuda:0 starts"
    assert not bench.coordinator.execute(Undo()).accepted


def test_what_nobody_asked_for_is_not_undone_by_hand() -> None:
    bench = Bench(costs=[9, 8])
    assert not bench.coordinator.execute(DrainDevice("cuda:0", "idle for 5m 00s")).undoable
    assert bench.coordinator.execute(Undo()).message == "there is nothing to undo"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (DrainDevice("cuda:0"), "cuda:0 is already drained"),
        (PauseDevice("cuda:0"), "cuda:0 is drained: start it first"),
        (MoveUnits((1,), "cuda:0"), "cuda:0 is drained: start it first"),
        (StartDevice("cuda:1"), "cuda:1 is idle: only drained and dead ones are started"),
        (DrainDevice("cuda:7"), "there is no device cuda:7"),
        (StartDevice("cuda:7"), "there is no device cuda:7"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Any, message: str) -> None:
    bench = Bench(costs=[9, 8, 7])
    drain(bench, "cuda:0")
    assert bench.coordinator.execute(command) == Outcome(False, message)


def test_a_dead_device_gets_another_try() -> None:
    bench = Bench(costs=[9, 8, 7], max_restarts=0)
    assert not bench.die("cuda:0")
    assert drain(bench, "cuda:0") == Outcome(False, "cuda:0 is dead")
    assert start(bench, "cuda:0").accepted
    assert bench.coordinator.absent() == ("cuda:0",)
    assert row(bench, "cuda:0").note == ""


def test_a_device_that_died_in_a_pause_is_not_paused_when_it_is_started() -> None:
    bench = Bench(costs=[9, 8, 7], max_restarts=0)
    assert bench.coordinator.execute(PauseDevice("cuda:0")).accepted
    assert not bench.die("cuda:0")
    assert start(bench, "cuda:0").accepted
    assert row(bench, "cuda:0").state is DeviceState.STARTING


def test_a_device_is_added_without_a_worker_and_then_started() -> None:
    bench = Bench(costs=[9, 8, 7])
    bench.coordinator.add_device(DeviceSpec("cpu:0", "processor", 1.0), drained=True)
    assert bench.coordinator.absent() == ()
    assert start(bench, "cpu:0").message == "cpu:0 starts"
    assert bench.coordinator.absent() == ("cpu:0",)


def test_files_that_come_after_the_last_device_was_drained_wait_for_the_next() -> None:
    bench = Bench(weights=(1.0,))
    drain(bench, "cuda:0")
    bench.coordinator.assign([unit(0, 5.0)])
    assert not bench.coordinator.over
    start(bench, "cuda:0")
    assert bench.waiting("cuda:0") == [0]
