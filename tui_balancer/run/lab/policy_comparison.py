"""Compares the policies on simulated devices, for `simulate`."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median, quantiles

from msgspec.structs import replace

from tui_balancer.embedding.families.table import MODELS
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.run.lab.cases import THROTTLED_TO, PolicyName, Scenario
from tui_balancer.run.lab.simulated_run import SimulatedHandle
from tui_balancer.run.prepare.batch_size import gpu_batch_tokens
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.scheduler.model import CountSettings, DeviceSpec, TimeSettings, Unit
from tui_balancer.scheduler.policy.bounds import Speed, fluid_bound
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.simulate import (
    BATCHES,
    lognormal_units,
    simulate,
    simulate_central_queue,
)

SPEEDS = (1.0, 1.5, 2.0, 3.0, 4.0)
"""Speeds of the devices, in multiples of the slowest."""

SPREAD = 0.35
"""Assumed weights are speed to this power: as flat as the table of cards."""

FILE_SECONDS = 20.0
"""Mean seconds per file on the slowest kind of device."""

TROUBLE_AT = 0.3
"""Share of the quiet bound after which the fastest device is throttled, or dies."""

DEATHS = 4
"""One more than the restarts of a device."""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """The results of a policy over all seeds.

    Attributes:
        policy: `static` (only the initial assignment), `count`, `time`, `time+split` (running
            files are split too), or `central` (one queue, largest first, without speeds).
        scenario: What happens to the fastest device.
        fluid_ratio_median: Makespan over the fluid bound of the same scenario.
        fluid_ratio_p95: The same, 95th percentile over the seeds.
        decision_seconds_median: Real time of an idle device's decision whether to steal; None
            without decisions.
    """

    policy: str
    devices: int
    files: int
    scenario: str
    fluid_ratio_median: float
    fluid_ratio_p95: float
    decision_seconds_median: float | None


def scanned_units(inputs: Sequence[str | Path], model: str) -> tuple[Unit, ...]:
    """Return the files of a real run, with costs for a model of fair-esm.

    Raises:
        UserError: There are no inputs.
    """
    shape = MODELS[model]
    scans = scan(find_inputs(inputs), ReadingRules(alphabet=shape.alphabet))
    manifest = Manifest.build(scans, Path(), shape, gpu_batch_tokens(shape))
    return tuple(manifest.good_units)


def watched(
    policy: PolicyName,
    scenario: Scenario,
    *,
    devices: int,
    files: int,
    speed: float,
    units: Sequence[Unit] | None = None,
) -> SimulatedHandle:
    """Return a simulated run for the screen; see `compare` for the arguments.

    Args:
        policy: Its policy; the central queue has no coordinator to show.
        scenario: What happens to the fastest device.
        speed: Virtual seconds per real second.
        units: Real files instead of random ones.
    """
    case = _case(0, scenario, devices, files, units)
    shown = case.units
    if units is None:
        shown = [
            replace(unit, sequences=round(10 * unit.cost), residues=round(2000 * unit.cost))
            for unit in case.units
        ]
    return SimulatedHandle(case.devices, shown, _rules(policy, case.units), speed)


def compare(
    policies: Sequence[PolicyName],
    scenario: Scenario,
    *,
    devices: int,
    files: int,
    seeds: int,
    units: Sequence[Unit] | None = None,
) -> tuple[PolicyResult, ...]:
    """Simulate every policy on the same devices and files, and return a row for each.

    Args:
        scenario: What happens to the fastest device.
        devices: Number of devices; each seed draws other speeds.
        files: Number of files; each seed draws other lognormal costs.
        seeds: Number of cases.
        units: Real files instead of random ones.
    """
    cases = [_case(seed, scenario, devices, files, units) for seed in range(seeds)]
    return tuple(_row(policy, scenario, cases) for policy in policies)


@dataclass(frozen=True, slots=True)
class _Case:
    devices: list[SimulatedDevice]
    units: Sequence[Unit]
    fluid: float


def _rules(policy: PolicyName, units: Sequence[Unit]) -> Rules:
    mean = sum(unit.cost for unit in units) / len(units)
    return Rules(
        CountSettings() if policy == "count" else TimeSettings(),
        stealing=policy != "static",
        batch_cost=mean / BATCHES if policy == "time+split" else inf,
    )


def _run(policy: PolicyName, case: _Case) -> tuple[float, Sequence[float]]:
    """Return the makespan, and the durations of decisions."""
    if policy == "central":
        return simulate_central_queue(case.devices, case.units), ()
    rules = _rules(policy, case.units)
    run = simulate(case.devices, case.units, rules, time.perf_counter)
    return run.now, run.decisions


def _row(policy: PolicyName, scenario: Scenario, cases: Sequence[_Case]) -> PolicyResult:
    results = [_run(policy, case) for case in cases]
    ratios = [end / case.fluid for (end, _), case in zip(results, cases, strict=True)]
    decisions = [seconds for _, decisions in results for seconds in decisions]
    return PolicyResult(
        policy,
        len(cases[0].devices),
        sum(unit.files for unit in cases[0].units),
        scenario,
        median(ratios),
        quantiles(ratios, n=20, method="inclusive")[-1] if len(ratios) > 1 else ratios[0],
        median(decisions) if decisions else None,
    )


def _case(
    seed: int, scenario: Scenario, devices: int, files: int, units: Sequence[Unit] | None
) -> _Case:
    rng = random.Random(f"{devices} {seed}")
    shares = [rng.choice(SPEEDS) for _ in range(devices)]
    if units is None:
        units = lognormal_units(seed, files, mean_cost=FILE_SECONDS)
        unit_rate = 1.0
    else:
        unit_rate = sum(unit.cost for unit in units) / len(units) / FILE_SECONDS
    rates = [unit_rate * share for share in shares]
    costs = [unit.cost for unit in units]
    speeds = [Speed.steady(rate) for rate in rates]
    moment = TROUBLE_AT * fluid_bound(costs, speeds)
    fastest = rates.index(max(rates))
    deaths: tuple[float, ...] = ()
    if scenario != "quiet":
        left = rates[fastest] * (THROTTLED_TO if scenario == "throttled" else 0.0)
        speeds[fastest] = Speed(((0.0, rates[fastest]), (moment, left)))
    if scenario == "dying":
        deaths = (moment,) * DEATHS
    made_up = [
        SimulatedDevice(
            DeviceSpec(f"cuda:{position}", "simulated", share**SPREAD),
            speed,
            deaths=deaths if position == fastest else (),
        )
        for position, (share, speed) in enumerate(zip(shares, speeds, strict=True))
    ]
    return _Case(made_up, units, fluid_bound(costs, speeds))
