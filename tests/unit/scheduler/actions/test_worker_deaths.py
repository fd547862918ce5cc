"""Workers die: nothing is lost, and the blame goes where it belongs."""

from __future__ import annotations

import pytest

from tests.support.balance import Bench
from tui_balancer.leases import Directive, Progress
from tui_balancer.scheduler.commands import Drain, MoveUnits, PauseDevice, StopNow
from tui_balancer.scheduler.events import DeviceEvent, FailureEvent, ReturnEvent, StealEvent
from tui_balancer.scheduler.model import DeviceState


def test_a_lease_comes_back_to_the_front_when_its_only_worker_dies() -> None:
    bench = Bench(weights=(1.0,), costs=[9, 8, 7])
    lease = bench.must_take("cuda:0")
    assert bench.die("cuda:0")
    assert bench.waiting("cuda:0") == [0, 1, 2]
    again = bench.must_take("cuda:0")
    assert (again.unit.unit_id, again.epoch) == (lease.unit.unit_id, 2)
    assert any(
        isinstance(event, ReturnEvent) and event.reason == "killed by signal 9"
        for event in bench.journal
    )


def test_a_unit_that_killed_a_worker_is_tried_next_on_another_device() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    bench.must_take("cuda:0")
    bench.die("cuda:0")
    assert bench.waiting("cuda:0") == [3]
    assert bench.waiting("cuda:1") == [0, 1, 2]


def test_a_unit_that_killed_a_fast_device_is_not_left_to_a_slow_one() -> None:
    bench = Bench(weights=(2.5, 0.05), costs=[9, 8, 7, 6])
    bench.must_take("cuda:0")
    bench.die("cuda:0")
    assert 0 in bench.waiting("cuda:0")


def test_without_stealing_a_unit_stays_with_its_device() -> None:
    bench = Bench(costs=[9, 8, 7, 6], stealing=False)
    bench.must_take("cuda:0")
    bench.die("cuda:0")
    assert bench.waiting("cuda:0") == [0, 3]


def test_a_unit_that_kills_two_workers_fails_with_the_reason() -> None:
    bench = Bench(costs=[9, 8])
    bench.must_take("cuda:0")
    bench.die("cuda:0")
    assert bench.must_take("cuda:1").unit.unit_id == 0
    bench.die("cuda:1", "exit code 1")
    (failure,) = [event for event in bench.journal if isinstance(event, FailureEvent)]
    assert failure.unit_name == "virus_0.faa"
    assert failure.reason == "killed 2 workers, the last one: exit code 1"
    assert bench.coordinator.totals().failed == 1


def test_a_unit_is_not_charged_with_workers_that_somebody_outside_ended() -> None:
    bench = Bench(costs=[9, 8])
    for device in ("cuda:0", "cuda:1", "cuda:0"):
        assert bench.must_take(device).unit.unit_id == 0
        bench.die(device, charged=False)
        bench.coordinator.execute(MoveUnits((0,), "cuda:1" if device == "cuda:0" else "cuda:0"))
    returned = [event for event in bench.journal if isinstance(event, ReturnEvent)]
    assert [event.charged for event in returned] == [False] * 3
    assert bench.coordinator.totals().failed == 0


def test_bad_files_do_not_make_good_devices_dead() -> None:
    # Four files that kill whatever takes them: eight deaths, on two devices with three restarts.
    bench = Bench(costs=[9, 8, 7, 6])
    while not bench.coordinator.over:
        for device in ("cuda:0", "cuda:1"):
            if bench.take(device):
                assert bench.die(device)
    assert bench.coordinator.totals().failed == 4


def test_a_bad_device_does_not_spoil_the_files() -> None:
    bench = Bench(costs=[1.0] * 40)
    alive = True
    while not bench.coordinator.over:
        if alive and bench.take("cuda:0"):
            alive = bench.die("cuda:0")
        if bench.take("cuda:1"):
            running = bench.coordinator.get_gpu_metrics()[1].running
            assert running is not None
            bench.clock.now += 1
            bench.coordinator.record_file_completion(running.unit.unit_id, running.epoch, 1.0)
    assert not alive
    assert bench.coordinator.totals().done == 40


def test_a_device_is_dead_after_three_restarts_and_says_why() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    assert [bench.die("cuda:0", f"crash {n}") for n in range(4)] == [True, True, True, False]
    (row, _) = bench.coordinator.get_gpu_metrics()
    assert (row.state, row.restarts, row.note) == (DeviceState.DEAD, 3, "crash 3")
    last = bench.journal[-1]
    assert isinstance(last, DeviceEvent)
    assert (last.state, last.reason) == (DeviceState.DEAD, "given up after 3 restarts: crash 3")


def test_deaths_without_a_unit_charge_no_unit() -> None:
    bench = Bench(costs=[9, 8])
    bench.die("cuda:0")
    bench.die("cuda:0")
    bench.run_one("cuda:0", 1)
    assert bench.coordinator.totals().failed == 0


@pytest.mark.parametrize("stealing", [True, False])
def test_the_queue_of_a_dead_device_is_free_whatever_the_threshold(stealing: bool) -> None:
    bench = Bench(costs=[9, 8, 7, 6, 5, 4], stealing=stealing, max_restarts=0)
    assert not bench.die("cuda:0")
    done = 0
    while not bench.coordinator.over:
        bench.run_one("cuda:1", 1)
        done += 1
    assert done == 6
    reasons = {event.reason for event in bench.journal if isinstance(event, StealEvent)}
    assert reasons == {"cuda:0 is dead"}


def test_the_lease_of_a_device_that_dies_for_good_goes_to_a_live_one() -> None:
    bench = Bench(costs=[9, 8, 7, 6], stealing=False, max_restarts=0)
    bench.must_take("cuda:0")
    bench.die("cuda:0")
    assert bench.waiting("cuda:1") == [0, 1, 2]


def test_the_last_device_dead_ends_the_run_with_files_waiting() -> None:
    bench = Bench(weights=(1.0,), costs=[9, 8], max_restarts=0)
    bench.must_take("cuda:0")
    bench.die("cuda:0")
    assert bench.coordinator.over
    totals = bench.coordinator.totals()
    assert (totals.waiting, totals.failed, totals.done) == (2, 0, 0)


def test_what_a_dead_worker_still_says_is_refused() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    bench.die("cuda:0", restart=False)
    here = bench.coordinator
    assert here.take("cuda:0", 1) is None
    assert here.finished_for("cuda:0", 1)
    assert not bench.claim(lease)
    assert here.report_progress("cuda:0", 1, 0, 1, Progress(1, 1, 1.0)) is Directive.ABANDON
    assert here.wait_while_paused("cuda:0", 1, 60.0) is Directive.ABANDON
    here.worker_ready("cuda:0", 1, "ghost")
    assert here.get_gpu_metrics()[0].state is DeviceState.STARTING


def test_a_claimed_output_survives_its_worker() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    assert bench.claim(lease)
    bench.die("cuda:0")
    assert not bench.coordinator.over
    assert bench.coordinator.record_file_completion(lease.unit.unit_id, lease.epoch, 1.0)
    assert bench.coordinator.totals().done == 1
    assert not any(isinstance(event, ReturnEvent) for event in bench.journal)


def test_a_new_worker_takes_work_while_its_predecessors_output_is_put_in_place() -> None:
    bench = Bench(weights=(1.0,), costs=[9, 8])
    first = bench.must_take("cuda:0")
    bench.claim(first)
    bench.die("cuda:0")
    second = bench.must_take("cuda:0")
    assert bench.coordinator.record_file_completion(first.unit.unit_id, first.epoch, 1.0)
    (row,) = bench.coordinator.get_gpu_metrics()
    assert row.running is not None
    assert row.running.unit is second.unit


def test_a_worker_replaced_without_notice_loses_its_lease_not_the_unit() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    bench.coordinator.worker_starting("cuda:0")
    assert not bench.claim(lease)
    assert bench.waiting("cuda:0") == [0]


@pytest.mark.parametrize("command", [Drain(), StopNow()])
def test_a_death_while_the_run_ends_is_a_departure(command: Drain | StopNow) -> None:
    bench = Bench(costs=[9, 8])
    bench.must_take("cuda:0")
    bench.coordinator.execute(command)
    assert not bench.die("cuda:0")
    assert bench.coordinator.get_gpu_metrics()[0].state is DeviceState.STOPPED
    assert bench.coordinator.over
    assert bench.coordinator.totals().waiting == 2


def test_workers_leaving_after_the_last_file_are_not_restarted() -> None:
    bench = Bench(weights=(1.0,), costs=[9])
    bench.run_one("cuda:0", 1)
    assert not bench.die("cuda:0", "exit code 0")
    (row,) = bench.coordinator.get_gpu_metrics()
    assert (row.state, row.restarts) == (DeviceState.STOPPED, 0)


def test_a_paused_device_whose_worker_dies_stays_paused() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    bench.coordinator.execute(PauseDevice("cuda:0"))
    assert bench.die("cuda:0")
    assert bench.coordinator.get_gpu_metrics()[0].state is DeviceState.PAUSED
    assert bench.take("cuda:0") is None
