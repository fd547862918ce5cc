"""How close each policy comes to the bound: `python -m tests.benchmarks.balance`.

Simulates files of lognormal cost on devices of unequal speed, quiet and with the fastest
device throttled to a third after 30 % of the time, under the very coordinator of real runs.
The coordinator believes the weights it is given: by default the flat scale of GPU_WEIGHTS
(speed to the power of 0.35), or the truth, or the truth reversed.

Columns: makespan over the fluid bound, median and p95 over the seeds; the bound for whole files
over the fluid bound (below that no policy of whole files can come; quiet only); real time of
a decision by an idle device. `time+split` divides running files too: a file of mean cost has 20
batches, and half a second is lost at every hand-over.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median, quantiles

from tests.support.bounds import whole_file_bound
from tui_balancer.scheduler.model import CountSettings, DeviceSpec, Unit
from tui_balancer.scheduler.policy.bounds import Speed, fluid_bound
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.simulate import (
    BATCHES,
    lognormal_units,
    simulate,
    simulate_central_queue,
)

DEVICES = (2, 8, 64)
FILES = {20: 20, 200: 5, 5000: 1}
"""Files, and by default so many seeds: few files vary more from seed to seed."""

MEAN_COST = 40.0
SPEEDS = (1.0, 1.5, 2.0, 3.0, 4.0)
THROTTLED_FROM = 0.3
THROTTLED_TO = 1 / 3

BELIEFS: dict[str, Callable[[float], float]] = {
    "flat": lambda rate: rate**0.35,
    "true": lambda rate: rate,
    "reversed": lambda rate: 1 / rate,
}

Devices = list[SimulatedDevice]

RULES = {
    "static": Rules(stealing=False),
    "count": Rules(CountSettings()),
    "time": Rules(),
    "time+split": Rules(batch_cost=MEAN_COST / BATCHES),
}
POLICIES = (*RULES, "central")


@dataclass(frozen=True)
class Case:
    """One simulated workload on one set of devices, and its bounds in seconds."""

    devices: Devices
    units: list[Unit]
    fluid: float
    whole: float | None


def cases(devices: int, files: int, seeds: int, belief: str, throttled: bool) -> Iterator[Case]:
    """Make the cases of one row, one a seed; other policies get the same ones."""
    for seed in range(seeds):
        dice = random.Random(f"{devices} {seed}")
        rates = [SPEEDS[-1], SPEEDS[0]] + [dice.choice(SPEEDS) for _ in range(devices - 2)]
        dice.shuffle(rates)
        units = lognormal_units(seed, files, mean_cost=MEAN_COST)
        costs = [unit.cost for unit in units]
        speeds = [Speed.steady(rate) for rate in rates]
        fluid = fluid_bound(costs, speeds)
        if throttled:
            fastest = rates.index(max(rates))
            slowed = (THROTTLED_FROM * fluid, rates[fastest] * THROTTLED_TO)
            speeds[fastest] = Speed(((0.0, rates[fastest]), slowed))
        yield Case(
            [
                SimulatedDevice(DeviceSpec(f"cuda:{i}", "card", BELIEFS[belief](rate)), speed)
                for i, (rate, speed) in enumerate(zip(rates, speeds, strict=True))
            ],
            units,
            fluid_bound(costs, speeds),
            None if throttled else whole_file_bound(costs, rates),
        )


def p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def row(devices: int, files: int, seeds: int, belief: str, throttled: bool) -> str:
    """Simulate one row of the table."""
    worked = list(cases(devices, files, seeds, belief, throttled))
    cells = [f"{devices:>7} {files:>6} {'throttled' if throttled else 'quiet':<10}"]
    decisions: list[float] = []
    for policy in POLICIES:
        ratios = []
        for case in worked:
            if policy == "central":
                ratios.append(simulate_central_queue(case.devices, case.units) / case.fluid)
                continue
            stopwatch = time.perf_counter if policy.startswith("time") else None
            run = simulate(case.devices, case.units, RULES[policy], stopwatch)
            decisions += run.decisions
            ratios.append(run.now / case.fluid)
        cells.append(f"{median(ratios):6.3f} {p95(ratios):6.3f}")
    whole = [case.whole / case.fluid for case in worked if case.whole is not None]
    cells.append(f"{median(whole):6.3f}" if whole else f"{'–':>6}")
    cells.append(f"{1e6 * median(decisions):5.0f}" if decisions else f"{'–':>5}")
    return "  ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, help="of every row, instead of 20, 5 and 1")
    parser.add_argument("--weights", choices=BELIEFS, default="flat", help="what is believed")
    options = parser.parse_args()
    began = time.perf_counter()
    names = "  ".join(f"{name:>13}" for name in POLICIES)
    print(f"{'devices':>7} {'files':>6} {'scenario':<10}  {names}  {'whole':>6}  {'µs':>5}")
    for devices in DEVICES:
        for files, seeds in FILES.items():
            for throttled in (False, True):
                print(
                    row(devices, files, options.seeds or seeds, options.weights, throttled),
                    flush=True,
                )
    print(f"makespan / fluid bound, median and p95; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
