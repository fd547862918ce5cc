"""Simulated runs: the same coordinator, whole and reproducible, close to the bounds."""

from __future__ import annotations

from math import inf

import pytest

from tui_balancer.scheduler.commands import DrainDevice, StartDevice
from tui_balancer.scheduler.model import CountSettings, DeviceSpec, DeviceState, TimeSettings
from tui_balancer.scheduler.policy.assignment import assign_files_weighted
from tui_balancer.scheduler.policy.bounds import Speed, fluid_bound
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.scheduler.simulation.simulate import (
    BATCHES,
    lognormal_units,
    simulate,
)

WHOLE = Rules()
DIVIDED = Rules(batch_cost=40.0 / BATCHES)


def fleet(*rates: float, weights: tuple[float, ...] | None = None) -> list[SimulatedDevice]:
    return [
        SimulatedDevice(DeviceSpec(f"cuda:{index}", "card", weight), Speed.steady(rate))
        for index, (rate, weight) in enumerate(zip(rates, weights or rates, strict=True))
    ]


def costs(seed: int, files: int) -> list[float]:
    return [unit.cost for unit in lognormal_units(seed, files, mean_cost=40.0)]


def stolen(run: SimulatedRun) -> int:
    return sum(row.stolen_to for row in run.coordinator.get_gpu_metrics())


def test_the_same_simulation_gives_the_same_result() -> None:
    first, second = (
        simulate(fleet(3, 2, 1), lognormal_units(1, 60, mean_cost=40.0), WHOLE).coordinator
        for _ in range(2)
    )
    assert first.events_after(0) == second.events_after(0)


def test_files_have_the_cost_asked_for_on_average() -> None:
    assert sum(costs(0, 20_000)) / 20_000 == pytest.approx(40.0, rel=0.03)


@pytest.mark.parametrize("policy", [TimeSettings(), CountSettings()])
def test_every_file_is_done_in_no_less_time_than_it_takes(
    policy: TimeSettings | CountSettings,
) -> None:
    devices, units = fleet(3, 2, 1, weights=(1, 1, 1)), lognormal_units(1, 60, mean_cost=40.0)
    run = simulate(devices, units, Rules(policy))
    assert run.coordinator.totals().done == 60
    assert run.now >= fluid_bound([one.cost for one in units], [one.speed for one in devices])
    assert stolen(run) > 0


def test_without_stealing_the_end_is_that_of_the_worst_assigned_device() -> None:
    devices = fleet(4, 1, weights=(1, 1))
    units = lognormal_units(2, 50, mean_cost=40.0)
    run = simulate(devices, units, Rules(stealing=False))
    assert stolen(run) == 0
    slowest = assign_files_weighted(units, [device.spec for device in devices])["cuda:1"]
    assert run.now == pytest.approx(sum(unit.cost for unit in slowest))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rules", [WHOLE, DIVIDED])
def test_a_run_with_a_drained_device_ends_when_it_would_without_that_device(
    rules: Rules, seed: int
) -> None:
    units = lognormal_units(seed, 200, mean_cost=40.0)
    without = simulate(fleet(3, 2, 1), units, rules)
    run = SimulatedRun(fleet(3, 2, 1, 3), rules)
    run.begin(units)
    assert run.coordinator.execute(DrainDevice("cuda:3")).accepted
    run.advance(inf)
    assert run.coordinator.totals().done == 200
    assert run.now == pytest.approx(without.now, rel=0.02)


@pytest.mark.parametrize("rules", [WHOLE, DIVIDED])
def test_a_device_that_is_drained_and_started_costs_the_time_it_was_away(rules: Rules) -> None:
    units = lognormal_units(1, 200, mean_cost=40.0)
    run = SimulatedRun(fleet(3, 2, 3), rules)
    run.begin(units)
    run.advance(100.0)
    run.coordinator.execute(DrainDevice("cuda:0"))
    run.advance(300.0)
    rows = {row.device: row.state for row in run.coordinator.get_gpu_metrics()}
    assert rows["cuda:0"] is DeviceState.DRAINED
    run.coordinator.execute(StartDevice("cuda:0"))
    run.advance(inf)
    assert run.coordinator.totals().done == 200
    work = sum(unit.cost for unit in units)
    # An interrupted file begins again where nothing of it is kept.
    again = max(unit.cost for unit in units) if rules is WHOLE else 0.0
    bound = (work + again + 3 * 200.0) / 8
    assert run.now <= 1.02 * bound + max(unit.cost for unit in units) / 2
    assert (run.coordinator.snapshot().efficiency or 0) > 0.9
