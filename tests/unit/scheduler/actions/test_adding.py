"""Files that come while a run is at work."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from tests.support.balance import Bench, Clock, bundle, unit
from tui_balancer.failures import Failure
from tui_balancer.scheduler.commands import AddFiles, Drain
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import AddedEvent, AssignmentEvent, FailureEvent
from tui_balancer.scheduler.model import DeviceSpec, ModelSpec, TimeSettings, Unit, UnitTraits
from tui_balancer.view.places import FilePlaces
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats


def test_new_units_wait_behind_the_others_of_the_device_that_finishes_them_first() -> None:
    bench = Bench((1.0, 1.0), [50.0, 10.0])
    assert [bench.waiting(device) for device in ("cuda:0", "cuda:1")] == [[0], [1]]
    bench.coordinator.add([unit(2, 30.0), unit(3, 20.0), unit(4, 5.0)], [], "3 files")
    assert [bench.waiting(device) for device in ("cuda:0", "cuda:1")] == [[0, 4], [1, 2, 3]]


def test_measured_speeds_decide_not_the_weights() -> None:
    bench = Bench((1.0, 1.0), [10.0, 10.0, 10.0, 10.0], stealing=False)
    first, second = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    bench.clock.now = 1.0
    assert bench.finish(first)
    bench.clock.now = 10.0
    bench.progress(second, 1.0)
    assert bench.finish(second)
    bench.coordinator.add([unit(number, 10.0) for number in range(4, 9)], [], "5 files")
    assert len(bench.waiting("cuda:0")) > len(bench.waiting("cuda:1"))


def test_what_was_added_is_told_before_it_is_assigned_and_bad_files_fail() -> None:
    bench = Bench((1.0,), [10.0])
    told = len(bench.journal)
    bad = Unit(3, "bad.faa", 0, 0, 0.0)
    bench.coordinator.add([bundle(1, 2.0, 3.0)], [(bad, Failure("no sequences"))], "3 files")
    added, failed, assigned = bench.journal[told:]
    assert isinstance(added, AddedEvent)
    assert (added.first, added.count, added.files, added.text) == (1, 3, 3, "3 files")
    assert isinstance(failed, FailureEvent)
    assert (failed.unit_id, failed.reason) == (3, "no sequences")
    assert isinstance(assigned, AssignmentEvent)
    ((device, order),) = assigned.queues
    assert (device, memoryview(order).cast("i").tolist()) == ("cuda:0", [1, ~2])
    totals = bench.coordinator.totals()
    assert (totals.files, totals.waiting, totals.failed) == (4, 3, 1)


def test_a_run_is_not_over_while_files_are_awaited() -> None:
    bench = Bench((1.0,), [10.0])
    assert bench.coordinator.execute(AddFiles(("more",))).accepted
    bench.run_one("cuda:0", 1.0)
    assert not bench.coordinator.over
    assert not bench.coordinator.finished_for("cuda:0", 1)
    assert bench.coordinator.snapshot().eta_seconds is None
    bench.coordinator.files_settled()
    assert bench.coordinator.over


def test_an_idle_worker_is_woken_by_new_files() -> None:
    bench = Bench((1.0,), [10.0])
    bench.coordinator.await_files()
    bench.run_one("cuda:0", 1.0)
    assert bench.take("cuda:0") is None
    assert not bench.coordinator.worth_asking("cuda:0", 1)
    bench.coordinator.add([unit(1, 5.0)], [], "1 file")
    assert bench.coordinator.worth_asking("cuda:0", 1)
    assert bench.must_take("cuda:0").unit.unit_id == 1


def test_a_run_that_ends_takes_no_more_files() -> None:
    bench = Bench((1.0,), [10.0, 10.0])
    bench.must_take("cuda:0")
    bench.coordinator.execute(Drain())
    refused = bench.coordinator.execute(AddFiles(("more",)))
    assert not refused.accepted
    assert refused.message == "the run ends after the running files; nothing else is started"


def test_time_without_anything_to_do_is_not_lost_efficiency() -> None:
    bench = Bench((1.0,), [10.0])
    stats = RunStats()
    state = RunState(stats)
    files = [unit(0, 10.0), unit(1, 10.0)]
    state.expect(files)
    bench.coordinator.await_files()
    bench.run_one("cuda:0", 1.0)
    assert bench.coordinator.snapshot().efficiency == pytest.approx(1.0)
    bench.clock.now += 100.0
    assert bench.coordinator.snapshot().efficiency == pytest.approx(1.0)
    bench.coordinator.add(files[1:], [], "1 file")
    bench.run_one("cuda:0", 1.0)
    assert bench.coordinator.snapshot().efficiency == pytest.approx(1.0)
    state.apply_all(bench.journal)
    assert stats.efficiency() == pytest.approx(1.0)


def test_units_of_a_model_go_to_a_device_that_has_it() -> None:
    coordinator = WorkStealingCoordinator(
        [DeviceSpec("cuda:0", "card", 1.0, model=0), DeviceSpec("cuda:1", "card", 1.0, model=1)],
        policy=TimeSettings(),
        clock=Clock(),
        models=[ModelSpec("one", 5.0), ModelSpec("two", 5.0)],
    )
    coordinator.assign([unit(0, 10.0), Unit(1, "b.faa", 1, 10, 10.0, UnitTraits(model=1))])
    coordinator.add([Unit(2, "c.faa", 1, 10, 90.0, UnitTraits(model=1))], [], "1 file")
    assert [one.unit_id for one in coordinator.queue("cuda:1")] == [1, 2]


def test_additions_are_numbered_as_they_come() -> None:
    bench = Bench((1.0, 1.0), [10.0])
    for number in range(1, 4):
        bench.coordinator.add([unit(number, 1.0)], [], "1 file")
    added = [event for event in bench.journal if isinstance(event, AddedEvent)]
    assert all(one.first + one.count == two.first for one, two in pairwise(added))


def with_priority(number: int, cost: float, priority: int) -> Unit:
    return replace(unit(number, cost), traits=UnitTraits(priority=priority))


def test_higher_priorities_come_first_in_a_queue_now_and_later() -> None:
    bench = Bench((1.0,))
    bench.coordinator.assign([unit(0, 9.0), with_priority(1, 1.0, 5), with_priority(2, 3.0, -1)])
    assert bench.waiting("cuda:0") == [1, 0, 2]
    assert bench.coordinator.execute(AddFiles(("more",))).accepted
    later = [unit(3, 2.0), with_priority(4, 1.0, 5), with_priority(5, 4.0, 7)]
    bench.coordinator.add(later, [], "3 files")
    assert bench.waiting("cuda:0") == [5, 1, 4, 0, 3, 2]
    places = FilePlaces(known=3)
    fold = RunState(places)
    fold.expect([*(unit(number, 1.0) for number in range(6))])
    fold.apply_all(bench.journal)
    assert places.places(0).queues["cuda:0"].tolist() == [5, 1, 4, 0, 3, 2]


def test_units_of_a_lower_priority_are_appended_and_only_they_are_told() -> None:
    bench = Bench((1.0,), [9.0, 1.0])
    bench.coordinator.add([with_priority(2, 1.0, -3), unit(3, 2.0)], [], "2 files")
    assert bench.waiting("cuda:0") == [0, 1, 3, 2]
    assigned = bench.journal[-1]
    assert isinstance(assigned, AssignmentEvent)
    ((_, order),) = assigned.queues
    assert memoryview(order).cast("i").tolist() == [3, 2]
