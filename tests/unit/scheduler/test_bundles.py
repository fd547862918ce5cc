"""Bundles of small files, and outputs that are written beside the computing of the next unit."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.balance import Bench, bundle, unit
from tui_balancer.failures import Failure
from tui_balancer.leases import Directive
from tui_balancer.scheduler.commands import MoveUnits, RetryUnits, SkipUnits, StopNow
from tui_balancer.scheduler.events import DoneEvent, FailureEvent, UnbundleEvent
from tui_balancer.scheduler.model import DeviceState, Lease, ReturnCause

KILLED = "killed by signal 9"


def test_a_bundle_with_bad_files_counts_each_of_its_files_and_names_the_bad_ones() -> None:
    bench = Bench()
    bench.coordinator.assign([bundle(0, 1.0, 2.0, 3.0, 4.0)])
    lease = bench.must_take("cuda:0")
    bench.claim(lease)
    assert bench.coordinator.record_file_completion(0, 1, 1.0, {2: Failure("it changed")})

    totals = bench.coordinator.totals()
    assert (totals.done, totals.failed, totals.files) == (3, 1, 4)
    (failure,) = [event for event in bench.journal if isinstance(event, FailureEvent)]
    assert (failure.unit_id, failure.unit_name) == (2, "virus_2.faa")


def test_screens_see_files_where_bundles_are() -> None:
    bench = Bench((1.0,))
    bench.coordinator.assign([bundle(0, 1.0, 2.0, 3.0), unit(3, 1.0), unit(4, 9.0)])
    places = bench.coordinator.places(-1)
    assert places is not None
    assert list(places.queues["cuda:0"]) == [4, 0, 1, 2, 3]

    bench.finish(bench.must_take("cuda:0"))
    bench.claim(bench.must_take("cuda:0"))
    bench.coordinator.record_file_completion(0, 1, 1.0, {1: Failure("it changed")})
    places = bench.coordinator.places(-1)
    assert places is not None
    assert list(places.ended[:5]) == [1, 2, 1, 0, 1]
    done = [event for event in bench.journal if isinstance(event, DoneEvent)]
    assert [event.files for event in done] == [(), (0, 2)]


def test_whoever_moves_a_file_of_a_bundle_moves_the_bundle() -> None:
    bench = Bench()
    bench.coordinator.assign([bundle(0, 1.0, 2.0, 3.0), unit(3, 9.0)])
    assert (bench.waiting("cuda:0"), bench.waiting("cuda:1")) == ([3], [0])
    outcome = bench.coordinator.execute(MoveUnits((2, 1), "cuda:0"))
    assert (outcome.accepted, outcome.message) == (True, "3 files moved from cuda:1 to cuda:0")
    assert bench.waiting("cuda:0") == [3, 0]

    bench.coordinator.execute(SkipUnits((2,)))
    assert bench.coordinator.totals().skipped == 3
    bench.coordinator.execute(RetryUnits((1,)))
    assert bench.coordinator.totals().waiting == 4


def test_a_bundle_of_bad_files_only_is_not_done() -> None:
    bench = Bench()
    bench.coordinator.assign([bundle(0, 1.0, 2.0)])
    bench.claim(bench.must_take("cuda:0"))
    bench.coordinator.record_file_completion(
        0, 1, 1.0, {0: Failure("broken"), 1: Failure("it changed")}
    )

    assert bench.coordinator.totals().failed == 2
    assert not [event for event in bench.journal if isinstance(event, DoneEvent)]
    assert bench.coordinator.over


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0)])
def test_a_bundle_that_kills_two_workers_is_broken_up_and_the_bad_file_alone_fails(
    weights: tuple[float, ...],
) -> None:
    bench = Bench(weights)
    bench.coordinator.assign([bundle(0, 1.0, 2.0, 3.0)])
    running: dict[str, Lease] = {}
    while not bench.coordinator.over:
        for device in bench.incarnations:
            lease = bench.take(device)
            if lease is None:
                continue
            running[device] = lease
            held = [one.unit_id for one in lease.unit.parts] or [lease.unit.unit_id]
            if 1 in held:
                bench.die(device)
            else:
                assert bench.finish(lease)

    totals = bench.coordinator.totals()
    assert (totals.done, totals.failed) == (2, 1)
    (failure,) = [event for event in bench.journal if isinstance(event, FailureEvent)]
    assert failure.unit_id == 1
    (broken_up,) = [event for event in bench.journal if isinstance(event, UnbundleEvent)]
    assert (broken_up.files, broken_up.reason) == ((0, 1, 2), KILLED)
    assert all(row.state is not DeviceState.DEAD for row in bench.coordinator.get_gpu_metrics())


def test_the_files_of_a_broken_up_bundle_begin_with_the_attempts_of_the_bundle() -> None:
    bench = Bench((1.0,))
    bench.coordinator.assign([bundle(0, 1.0, 2.0)])
    for _ in range(2):
        bench.must_take("cuda:0")
        bench.die("cuda:0")

    assert bench.waiting("cuda:0") == [0, 1]
    assert bench.must_take("cuda:0").epoch == 3


def test_a_device_takes_the_next_unit_while_it_writes_what_it_has_computed() -> None:
    bench = Bench((1.0,), costs=[9, 8])
    first = bench.must_take("cuda:0")
    with pytest.raises(ValueError, match="asks for work while it holds a lease"):
        bench.take("cuda:0")
    assert bench.progress(first, 1.0, computed=True) is Directive.CONTINUE
    second = bench.must_take("cuda:0")
    totals = bench.coordinator.totals()
    assert (totals.running, totals.done) == (2, 0)

    assert bench.finish(first)
    assert bench.finish(second)
    assert bench.coordinator.totals().done == 2


def test_a_device_that_only_writes_is_busy_with_what_it_writes() -> None:
    bench = Bench((1.0,), costs=[9])
    lease = bench.must_take("cuda:0")
    bench.progress(lease, 1.0, computed=True)
    assert bench.take("cuda:0") is None
    assert not bench.coordinator.over

    (row,) = bench.coordinator.get_gpu_metrics()
    assert row.state is DeviceState.BUSY
    assert row.running is not None
    assert (row.running.unit.unit_id, row.running.fraction) == (0, 1.0)


def test_time_spent_on_writing_does_not_make_a_device_look_slow() -> None:
    bench = Bench((1.0,), costs=[100, 100])
    first = bench.must_take("cuda:0")
    bench.clock.now = 10.0
    bench.progress(first, 1.0, computed=True)
    second = bench.must_take("cuda:0")
    bench.clock.now = 20.0
    assert bench.finish(first)
    bench.progress(second, 1.0)

    (rate,) = bench.coordinator.measured_rates().values()
    assert rate == pytest.approx(10.0)


def test_a_worker_that_dies_gives_back_what_it_was_writing_without_blame() -> None:
    bench = Bench((1.0,), costs=[9, 8])
    for _ in range(2):
        bench.progress(bench.must_take("cuda:0"), 1.0, computed=True)
        bench.must_take("cuda:0")
        bench.die("cuda:0")

    # Each was computed once and written once when a worker died: one death each is charged.
    assert bench.coordinator.totals().waiting == 2
    assert not [event for event in bench.journal if isinstance(event, FailureEvent)]


def test_a_worker_that_dies_while_it_only_writes_blames_what_it_wrote() -> None:
    bench = Bench((1.0,), costs=[9])
    for _ in range(2):
        bench.progress(bench.must_take("cuda:0"), 1.0, computed=True)
        bench.die("cuda:0")

    assert bench.coordinator.totals().failed == 1


def test_what_is_being_written_is_finished_after_a_stop() -> None:
    bench = Bench((1.0,), costs=[9, 8])
    first = bench.must_take("cuda:0")
    bench.progress(first, 1.0, computed=True)
    second = bench.must_take("cuda:0")
    bench.coordinator.execute(StopNow())
    assert bench.progress(second, 0.5) is Directive.ABANDON
    assert bench.coordinator.return_lease("cuda:0", 1, 1, 1, ReturnCause.STOPPED)

    assert not bench.coordinator.over
    assert bench.finish(first)
    assert bench.coordinator.over
    assert bench.coordinator.totals().done == 1


@given(seed=st.integers(0, 2**32), devices=st.integers(1, 4))
def test_whatever_happens_each_file_ends_once(seed: int, devices: int) -> None:
    rng = random.Random(seed)
    bench = Bench([1.0] * devices, max_restarts=8)
    given_units, files = [], 0
    while files < 20:
        size = rng.choice([1, 1, 2, 5])
        costs = [rng.uniform(1, 9) for _ in range(size)]
        given_units.append(bundle(files, *costs) if size > 1 else unit(files, costs[0]))
        files += size
    bench.coordinator.assign(given_units)
    poison = rng.randrange(files)
    ends: Counter[int] = Counter()
    computing: dict[str, Lease] = {}
    writing: list[Lease] = []

    def numbers(lease: Lease) -> list[int]:
        return [part.unit_id for part in lease.unit.parts] or [lease.unit.unit_id]

    def finish(lease: Lease) -> None:
        if not bench.claim(lease):
            return
        bad = {number: Failure("bad") for number in numbers(lease) if rng.random() < 0.1}
        if lease.unit.parts or not bad:
            bench.coordinator.record_file_completion(lease.unit.unit_id, lease.epoch, 1.0, bad)
        else:
            bench.coordinator.record_file_failure(lease.unit.unit_id, lease.epoch, Failure("bad"))
        ends.update(numbers(lease))

    for _ in range(2000):
        if bench.coordinator.over:
            break
        device = rng.choice(list(bench.incarnations))
        bench.clock.now += 1.0
        lease = computing.get(device)
        if lease is None:
            if (taken := bench.take(device)) is not None:
                computing[device] = taken
            elif writing:
                finish(writing.pop(0))
        elif poison in numbers(lease) or rng.random() < 0.03:
            del computing[device]
            writing = [one for one in writing if one.device != device]
            bench.die(device)
        elif rng.random() < 0.5:
            del computing[device]
            bench.progress(lease, 1.0, computed=True)
            writing.append(lease)
        elif writing:
            finish(writing.pop(rng.randrange(len(writing))))
    for event in bench.journal:
        if isinstance(event, FailureEvent) and "killed" in event.reason:
            ends[event.unit_id] += 1

    totals = bench.coordinator.totals()
    assert totals.files == files == totals.done + totals.failed + totals.waiting
    assert max(ends.values(), default=0) <= 1
    if bench.coordinator.over and not totals.waiting:
        assert sum(ends.values()) == files
