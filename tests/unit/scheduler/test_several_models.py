"""Runs with several models: nothing is lost, few devices change their model, and that pays."""

from __future__ import annotations

from collections import Counter
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.balance import Clock
from tests.support.simulated import NO_SHRINK
from tui_balancer.leases import Progress
from tui_balancer.scheduler.commands import ReorderUnits
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import DoneEvent, Event, LeaseEvent
from tui_balancer.scheduler.model import (
    PLAIN,
    DeviceSpec,
    Lease,
    ModelSpec,
    TimeSettings,
    Unit,
    UnitTraits,
)
from tui_balancer.scheduler.policy.bounds import Speed
from tui_balancer.scheduler.policy.model_shares import model_shares
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.scheduler.splitting.cut import HAND_OVER_SECONDS

SPEEDS = st.lists(st.sampled_from([1.0, 2.0, 4.0]), min_size=1, max_size=5)
FILES = st.lists(st.tuples(st.floats(0.5, 40), st.integers(0, 2)), min_size=1, max_size=30)
LOADS = st.sampled_from([0.1, 1.0, 5.0, 20.0])


def units_of(files: list[tuple[float, int]]) -> list[Unit]:
    return [
        Unit(n, f"f{n}", 1, 10, cost, UnitTraits(model=model))
        for n, (cost, model) in enumerate(files)
    ]


def simulated(
    units: list[Unit],
    speeds: list[float],
    load: float,
    *,
    batch: float = inf,
    deaths: tuple[float, ...] = (),
) -> tuple[SimulatedRun, list[Event]]:
    """Run units on devices whose weights say less than their speeds, the first one with deaths."""
    devices = [
        SimulatedDevice(
            DeviceSpec(f"cuda:{n}", "card", speed**0.5),
            Speed.steady(speed),
            load,
            () if n else deaths,
        )
        for n, speed in enumerate(speeds)
    ]
    models = tuple(ModelSpec(f"model {number}", load) for number in range(3))
    journal: list[Event] = []
    rules = Rules(TimeSettings(), batch_cost=batch, models=models)
    return SimulatedRun(devices, rules, journal=journal.append).run(units), journal


@settings(max_examples=60, deadline=None, phases=NO_SHRINK)
@given(
    files=FILES,
    speeds=SPEEDS,
    load=LOADS,
    batch=st.sampled_from([1.0, inf]),
    deaths=st.lists(st.floats(0, 60), max_size=2).map(tuple),
)
def test_every_unit_is_done_once_whatever_models_devices_have(
    files: list[tuple[float, int]],
    speeds: list[float],
    load: float,
    batch: float,
    deaths: tuple[float, ...],
) -> None:
    units = units_of(files)
    run, journal = simulated(units, speeds, load, batch=batch, deaths=deaths)
    totals = run.coordinator.totals()
    assert (totals.done + totals.failed, totals.waiting) == (len(units), 0)
    done = Counter(event.unit_id for event in journal if isinstance(event, DoneEvent))
    assert set(done.values()) <= {1}
    epochs = [(one.unit_id, one.epoch) for one in journal if isinstance(one, LeaseEvent)]
    assert len(epochs) == len(set(epochs))


@settings(max_examples=60, deadline=None, phases=NO_SHRINK)
@given(files=FILES, speeds=SPEEDS, load=LOADS, batch=st.sampled_from([1.0, inf]))
def test_one_run_ends_before_its_models_would_one_after_the_other(
    files: list[tuple[float, int]], speeds: list[float], load: float, batch: float
) -> None:
    units = units_of(files)
    run, _ = simulated(units, speeds, load, batch=batch)
    apart = 0.0
    models = {unit.model for unit in units}
    for model in models:
        own = [one for one in units if one.model == model]
        alone = [replace(one, unit_id=number, traits=PLAIN) for number, one in enumerate(own)]
        apart += simulated(alone, speeds, load, batch=batch)[0].now
    # Without splits, the longest file may begin last where a device has a second model.
    longest = max(unit.cost for unit in units) / min(speeds) if batch == inf else 0.0
    assert run.now <= apart + load + HAND_OVER_SECONDS + longest
    # Each device has each model once, and comes back to one at most once for every model.
    assert run.changes <= len(speeds) * len(models)


@given(
    costs=st.dictionaries(st.integers(0, 4), st.floats(1, 100), min_size=1),
    speeds=SPEEDS,
    first=st.lists(st.integers(0, 4), min_size=5, max_size=5),
)
def test_shares_are_fair_and_few_devices_have_two_models(
    costs: dict[int, float], speeds: list[float], first: list[int]
) -> None:
    devices = [DeviceSpec(f"d{n}", "card", 1.0, model=first[n]) for n, _ in enumerate(speeds)]
    shares = model_shares(costs, devices, speeds)
    for model, cost in costs.items():
        assert sum(one.get(model, 0.0) for one in shares.values()) == pytest.approx(cost)
    for spec, speed in zip(devices, speeds, strict=True):
        fair = sum(costs.values()) * speed / sum(speeds)
        assert sum(shares[spec.device].values()) == pytest.approx(fair)
    assert sum(map(len, shares.values())) <= len(devices) + len(costs) - 1


def test_a_share_that_is_shorter_than_a_change_is_left_to_others() -> None:
    devices = [DeviceSpec("a", "card", 1.0), DeviceSpec("b", "card", 1.0, model=1)]
    costs = {0: 98.0, 1: 102.0}
    assert model_shares(costs, devices, [1, 1])["a"] == pytest.approx({0: 98.0, 1: 2.0})
    shares = model_shares(costs, devices, [1, 1], lambda _: 5.0)
    assert shares == {"a": {0: 98.0}, "b": pytest.approx({1: 102.0})}


class Desk:
    """A coordinator with one device of two models, which a change takes ten seconds."""

    def __init__(self, *units: Unit) -> None:
        self.clock = Clock()
        self.coordinator = WorkStealingCoordinator(
            [DeviceSpec("cuda:0", "card", 1.0, rate=1.0)],
            policy=TimeSettings(),
            clock=self.clock,
            models=[ModelSpec("a", 10.0), ModelSpec("b", 10.0)],
        )
        self.incarnation = self.coordinator.worker_starting("cuda:0")
        self.coordinator.worker_ready("cuda:0", self.incarnation, "card", 0, 10.0)
        self.coordinator.assign(units)

    def take(self) -> Lease:
        lease = self.coordinator.take("cuda:0", self.incarnation)
        assert lease is not None
        return lease

    def finish(self, lease: Lease) -> None:
        unit = lease.unit.unit_id
        assert self.coordinator.begin_completion("cuda:0", self.incarnation, unit, lease.epoch)
        self.coordinator.record_file_completion(unit, lease.epoch, 1.0)


def unit(number: int, model: int, cost: float = 5.0) -> Unit:
    return Unit(number, f"f{number}", 1, 10, cost, UnitTraits(model=model))


def test_a_change_is_part_of_the_finish_time_and_of_no_speed() -> None:
    desk = Desk(unit(0, 0), unit(1, 1))
    (row,) = desk.coordinator.get_gpu_metrics()
    assert row.finish_seconds == pytest.approx(5 + 10 + 5)
    first = desk.take()
    assert first.unit.model == 0
    desk.clock.now = 5.0
    desk.finish(first)
    second = desk.take()
    (row,) = desk.coordinator.get_gpu_metrics()
    assert (row.model, row.loading) == (1, True)
    assert row.finish_seconds == pytest.approx(10 + 5)
    # It took four seconds, which the next estimate knows.
    desk.clock.now = 9.0
    desk.coordinator.worker_ready("cuda:0", desk.incarnation, None, 1, 4.0)
    (row,) = desk.coordinator.get_gpu_metrics()
    assert (row.loading, row.finish_seconds) == (False, pytest.approx(5.0))
    desk.clock.now = 11.5
    done = Progress(1, 5, 2.5)
    desk.coordinator.report_progress("cuda:0", desk.incarnation, 1, second.epoch, done)
    assert desk.coordinator.measured_rates(1) == {"cuda:0": pytest.approx(1.0)}


def test_what_the_loaded_model_can_do_comes_first_unless_a_person_says_otherwise() -> None:
    desk = Desk(unit(0, 1, 9.0), unit(1, 0), unit(2, 0, 4.0))
    desk.finish(desk.take())
    assert desk.coordinator.execute(ReorderUnits((0,), first=True)).accepted
    assert [one.unit_id for one in desk.coordinator.queue("cuda:0")] == [0, 2]
    lease = desk.take()
    assert lease.unit.unit_id == 0
    assert desk.coordinator.model_of("cuda:0") == 1


def test_a_new_worker_loads_what_its_queue_begins_with() -> None:
    desk = Desk(unit(0, 1), unit(1, 0, 4.0))
    assert desk.take().unit.model == 0
    desk.coordinator.worker_died("cuda:0", desk.incarnation, "killed", charged=False)
    desk.coordinator.worker_starting("cuda:0")
    assert desk.coordinator.model_of("cuda:0") == 0
