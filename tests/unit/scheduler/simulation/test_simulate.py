"""Simulated runs: the same coordinator, whole and reproducible, close to the bounds."""

from __future__ import annotations

from statistics import median

import pytest

from tests.support.bounds import whole_file_bound
from tests.unit.scheduler.policy.test_bounds import optimum
from tui_balancer.scheduler.model import CountSettings, DeviceSpec, TimeSettings
from tui_balancer.scheduler.policy.bounds import Speed, fluid_bound
from tui_balancer.scheduler.simulation.simulate import (
    SimulatedDevice,
    lognormal_units,
    simulate,
    simulate_central_queue,
)


def fleet(*rates: float, weights: tuple[float, ...] | None = None) -> list[SimulatedDevice]:
    return [
        SimulatedDevice(DeviceSpec(f"cuda:{index}", "card", weight), Speed.steady(rate))
        for index, (rate, weight) in enumerate(zip(rates, weights or rates, strict=True))
    ]


def costs(seed: int, files: int) -> list[float]:
    return [unit.cost for unit in lognormal_units(seed, files, mean_cost=40.0)]


def test_the_same_simulation_gives_the_same_result() -> None:
    first, second = (
        simulate(fleet(3, 2, 1), lognormal_units(1, 60, mean_cost=40.0)) for _ in range(2)
    )
    assert first == second


def test_files_have_the_cost_asked_for_on_average() -> None:
    assert sum(costs(0, 20_000)) / 20_000 == pytest.approx(40.0, rel=0.03)


@pytest.mark.parametrize("policy", [TimeSettings(), CountSettings()])
def test_every_file_is_done_and_all_time_is_accounted_for(
    policy: TimeSettings | CountSettings,
) -> None:
    devices, units = fleet(3, 2, 1, weights=(1, 1, 1)), lognormal_units(1, 60, mean_cost=40.0)
    result = simulate(devices, units, policy=policy)
    assert result.totals.done == 60
    worked = sum(
        result.busy_seconds[device.spec.device] * device.speed.steps[0][1] for device in devices
    )
    assert worked == pytest.approx(sum(unit.cost for unit in units))
    assert max(result.busy_seconds.values()) <= result.makespan
    assert result.steals > 0


def test_without_stealing_the_end_is_that_of_the_worst_assigned_device() -> None:
    devices = fleet(4, 1, weights=(1, 1))
    units = lognormal_units(2, 50, mean_cost=40.0)
    result = simulate(devices, units, stealing=False)
    assert result.steals == 0
    assert result.makespan == pytest.approx(result.busy_seconds["cuda:1"])


def test_workers_that_die_come_back_and_nothing_is_lost() -> None:
    steady = fleet(2, 2, 1)
    devices = [
        SimulatedDevice(one.spec, one.speed, load_seconds=5.0, deaths=(20.0 + 150 * number,))
        for number, one in enumerate(steady)
    ]
    units = lognormal_units(3, 60, mean_cost=40.0, sigma=0.3)
    result = simulate(devices, units)
    assert result.totals.done == 60
    assert result.makespan > simulate(steady, units).makespan


def test_a_device_that_dies_for_good_leaves_its_files_to_the_others() -> None:
    dying = SimulatedDevice(
        DeviceSpec("cuda:0", "card", 1.0), Speed.steady(2.0), deaths=(10.0, 11.0, 12.0, 13.0)
    )
    other = SimulatedDevice(DeviceSpec("cuda:1", "card", 1.0), Speed.steady(2.0))
    result = simulate([dying, other], lognormal_units(4, 30, mean_cost=40.0))
    assert result.totals.done == 30


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (4, 3, 2, 1), (1, 2, 3, 4)])
def test_time_ends_within_a_hundredth_of_the_fluid_bound_whatever_the_weights(
    weights: tuple[float, ...],
) -> None:
    ratios = []
    for seed in range(5):
        devices, units = fleet(4, 3, 2, 1, weights=weights), lognormal_units(seed, 200, mean_cost=9)
        bound = fluid_bound([one.cost for one in units], [device.speed for device in devices])
        ratios.append(simulate(devices, units).makespan / bound)
    assert median(ratios) <= 1.01


def test_time_follows_a_throttled_device() -> None:
    ratios = []
    for seed in range(5):
        units = lognormal_units(seed, 100, mean_cost=40.0)
        throttled = SimulatedDevice(
            DeviceSpec("cuda:0", "card", 4.0), Speed(((0.0, 4.0), (200.0, 4 / 3)))
        )
        devices = [throttled, *fleet(9, 2, 1)[1:]]
        bound = fluid_bound([one.cost for one in units], [device.speed for device in devices])
        ratios.append(simulate(devices, units).makespan / bound)
    assert median(ratios) <= 1.01


def test_time_is_no_worse_than_a_central_queue_that_knows_everything_late() -> None:
    ratios = []
    for seed in range(20):
        devices, units = fleet(3, 1, weights=(1.5, 1.0)), lognormal_units(seed, 20, mean_cost=40.0)
        central = simulate_central_queue(devices, units)
        ratios.append(simulate(devices, units).makespan / central.makespan)
    assert median(ratios) <= 1.0
    assert sorted(ratios)[18] <= 1.02


@pytest.mark.parametrize(("files", "sigma"), [(8, 1.0), (14, 0.5), (20, 1.0)])
def test_time_is_within_a_hundredth_of_the_optimum_of_whole_files(files: int, sigma: float) -> None:
    ratios, divided = [], []
    for seed in range(3):
        units = lognormal_units(seed, files, mean_cost=40.0, sigma=sigma)
        best = optimum([one.cost for one in units], [3.0, 2.0, 1.0])
        ratios.append(simulate(fleet(3, 2, 1), units).makespan / best)
        divided.append(simulate(fleet(3, 2, 1), units, splitting=True).makespan / best)
    assert min(ratios) >= 1 - 1e-6
    assert median(ratios) <= 1.01
    assert median(divided) <= 1.01


def test_a_central_queue_never_beats_the_bound() -> None:
    result = simulate_central_queue(fleet(3, 2, 1), lognormal_units(0, 40, mean_cost=40.0))
    assert result.makespan >= whole_file_bound(costs(0, 40), [3, 2, 1])


def test_decisions_are_timed_only_when_asked() -> None:
    ticks = iter(range(10**6))
    units = lognormal_units(1, 60, mean_cost=40.0)
    timed = simulate(fleet(3, 1, weights=(1, 1)), units, stopwatch=lambda: float(next(ticks)))
    assert len(timed.decision_seconds) >= timed.steals > 0
    assert set(timed.decision_seconds) == {1.0}
    assert simulate(fleet(3, 1, weights=(1, 1)), units).decision_seconds == ()


@pytest.mark.parametrize("throttled", [False, True])
def test_dividing_running_files_brings_two_files_a_device_near_the_fluid_bound(
    throttled: bool,
) -> None:
    for seed in range(5):
        units = lognormal_units(seed, 8, mean_cost=40.0)
        devices = fleet(4, 2, 1, 1)
        if throttled:
            slowed = Speed(((0.0, 4.0), (15.0, 4 / 3)))
            devices[0] = SimulatedDevice(devices[0].spec, slowed)
        bound = fluid_bound([one.cost for one in units], [device.speed for device in devices])
        result = simulate(devices, units, splitting=True)
        assert result.totals.done == 8
        assert result.makespan <= 1.05 * bound


def test_one_file_is_computed_by_all_devices() -> None:
    whole = simulate(fleet(1, 1, 1, 1), lognormal_units(0, 1, mean_cost=400.0))
    divided = simulate(
        fleet(1, 1, 1, 1), lognormal_units(0, 1, mean_cost=400.0), splitting=True, batch_cost=4.0
    )
    assert divided.makespan < 0.3 * whole.makespan


def test_devices_that_die_in_a_divided_file_leave_their_batches_to_the_others() -> None:
    dying = [
        SimulatedDevice(one.spec, one.speed, deaths=(17.0,) if number == 1 else ())
        for number, one in enumerate(fleet(1, 1, 1, 1))
    ]
    result = simulate(dying, lognormal_units(0, 1, mean_cost=400.0), splitting=True, batch_cost=4.0)
    assert result.totals.done == 1
    assert result.splits >= 3


def test_a_device_that_stops_in_its_batch_does_not_hold_up_the_run() -> None:
    stuck = SimulatedDevice(
        DeviceSpec("cuda:0", "card", 1.0), Speed(((0.0, 1.0), (50.0, 0.0), (900.0, 1.0)))
    )
    devices = [stuck, *fleet(9, 1)[1:]]
    units = lognormal_units(0, 10, mean_cost=40.0)
    result = simulate(devices, units, splitting=True)
    assert result.totals.done == 10
    bound = fluid_bound([one.cost for one in units], [device.speed for device in devices])
    assert result.makespan < 1.1 * bound
    assert simulate(devices, units).makespan > 900
