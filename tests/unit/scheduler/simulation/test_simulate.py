"""Simulated runs: the same coordinator, whole and reproducible, close to the bounds."""

from __future__ import annotations

import pytest

from tui_balancer.scheduler.model import CountSettings, DeviceSpec, TimeSettings
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
