"""A run that was begun before, and outputs that cannot be put in place just now."""

from __future__ import annotations

from tests.support.balance import Bench, unit, units
from tui_balancer.notices import Notice
from tui_balancer.scheduler.commands import PauseAll, ResumeAll, StopNow
from tui_balancer.scheduler.events import DeviceEvent, FailureEvent, ReturnEvent, WarningEvent
from tui_balancer.scheduler.model import ReturnCause


def test_what_was_done_before_counts_and_is_not_done_again() -> None:
    bench = Bench()
    bench.coordinator.add_done(unit(0, 5))
    bench.coordinator.assign(units(5, 3)[1:], {1: 4})
    totals = bench.coordinator.totals()
    assert (totals.files, totals.done, totals.waiting) == (2, 1, 1)
    assert (totals.sequences_done, totals.cost_done) == (10, 5)
    lease = bench.must_take("cuda:0") if bench.waiting("cuda:0") else bench.must_take("cuda:1")
    assert (lease.unit.unit_id, lease.epoch) == (1, 5)
    assert bench.finish(lease)
    assert bench.coordinator.over


def test_a_run_that_was_done_before_is_over_at_once() -> None:
    bench = Bench()
    bench.coordinator.add_done(unit(0, 5))
    bench.coordinator.assign([])
    assert bench.coordinator.over


def test_a_claimed_unit_that_finds_no_place_waits_again_even_if_its_worker_died() -> None:
    bench = Bench(costs=[5])
    lease = bench.must_take("cuda:0")
    assert bench.claim(lease)
    assert bench.die("cuda:0")
    assert bench.coordinator.give_up_completion(0, 1, ReturnCause.DISK_FULL)
    assert not bench.coordinator.give_up_completion(0, 1, ReturnCause.DISK_FULL)
    assert bench.coordinator.totals().waiting == 1
    (returned,) = [event for event in bench.journal if isinstance(event, ReturnEvent)]
    assert (returned.epoch, returned.cause) == (lease.epoch, ReturnCause.DISK_FULL)
    assert bench.must_take("cuda:0").epoch == 2


def test_a_pause_of_all_tells_its_reason() -> None:
    bench = Bench(costs=[5])
    bench.coordinator.execute(PauseAll("the disk is full"))
    bench.coordinator.execute(ResumeAll("there is space again"))
    reasons = [event.reason for event in bench.journal if isinstance(event, DeviceEvent)]
    assert reasons[-4:] == ["the disk is full"] * 2 + ["there is space again"] * 2


def test_a_unit_that_killed_a_worker_in_an_earlier_session_fails_with_the_next_one() -> None:
    bench = Bench()
    bench.coordinator.assign(units(5, 3), {0: 1}, {0: 1})
    for device in ("cuda:0", "cuda:1"):
        bench.must_take(device)
        bench.die(device)
    (failure,) = [event for event in bench.journal if isinstance(event, FailureEvent)]
    assert (failure.unit_id, failure.reason.split(",")[0]) == (0, "killed 2 workers")
    assert bench.coordinator.totals().waiting == 1


def test_a_death_is_charged_and_a_departure_at_the_end_is_not() -> None:
    bench = Bench(costs=[5, 3])
    bench.must_take("cuda:0")
    bench.must_take("cuda:1")
    bench.die("cuda:0")
    bench.coordinator.execute(StopNow())
    bench.die("cuda:1")
    returns = [event for event in bench.journal if isinstance(event, ReturnEvent)]
    assert [(event.device, event.charged) for event in returns] == [
        ("cuda:0", True),
        ("cuda:1", False),
    ]


def test_a_warning_is_an_event_with_its_time() -> None:
    bench = Bench()
    bench.clock.now = 7.0
    bench.coordinator.warn(Notice("unknown card"))
    (event,) = [event for event in bench.journal if isinstance(event, WarningEvent)]
    assert (event.seconds, event.notice) == (7.0, Notice("unknown card"))
