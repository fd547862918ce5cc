"""A run under a virtual clock: the very coordinator and policies, with made-up devices.

Devices have a true speed over time, which the coordinator does not know: it sees weights,
and then what workers report. Workers die and come back. Everything follows from the
arguments, so the same call gives the same result.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import inf

from tui_balancer.scheduler.model import PolicySettings, TimeSettings, Totals, Unit
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice, SimulationResult
from tui_balancer.scheduler.simulation.run import SimulatedRun

__all__ = [
    "REPORT_SECONDS",
    "SimulatedDevice",
    "SimulationResult",
    "lognormal_units",
    "simulate",
    "simulate_central_queue",
]

REPORT_SECONDS = 2.0
"""Virtual time between two progress reports of a simulated worker."""

BATCHES = 20
"""Batches of a file of mean cost, unless said otherwise."""


def lognormal_units(seed: int, files: int, *, mean_cost: float, sigma: float = 1.0) -> list[Unit]:
    """Return files whose costs are lognormally distributed, as viral proteomes roughly are.

    Args:
        seed: Same seed, same files.
        mean_cost: Expected cost of a file in FLOPs.
        sigma: Of the logarithm; at 1 the costliest of 200 is some 10 times the mean.
    """
    rng = random.Random(seed)
    # The mean of a lognormal is exp(mu + sigma²/2).
    mu = -(sigma**2) / 2
    return [
        Unit(number, f"file_{number}.faa", 1, 1, mean_cost * rng.lognormvariate(mu, sigma))
        for number in range(files)
    ]


def simulate(
    devices: Sequence[SimulatedDevice],
    units: Sequence[Unit],
    *,
    policy: PolicySettings | None = None,
    stealing: bool = True,
    splitting: bool = False,
    batch_cost: float | None = None,
    stopwatch: Callable[[], float] | None = None,
    report_seconds: float = REPORT_SECONDS,
) -> SimulationResult:
    """Run all units to the end, under the coordinator.

    Args:
        policy: The stealing rule; by default `time`.
        stealing: False for the assignment alone.
        splitting: Whether idle devices take over batches of running units.
        batch_cost: FLOPs of a batch; by default a twentieth of a file's mean. It is of no
            matter without splitting.
        stopwatch: Real clock in seconds, to time decisions with.
        report_seconds: Virtual time between two progress reports of a worker.
    """
    mean = sum(unit.cost for unit in units) / max(1, len(units))
    rules = Rules(
        policy or TimeSettings(),
        stealing=stealing,
        batch_cost=(batch_cost or mean / BATCHES) if splitting else inf,
        report_seconds=report_seconds,
    )
    return SimulatedRun(devices, rules, stopwatch).run(units)


def simulate_central_queue(
    devices: Sequence[SimulatedDevice], units: Sequence[Unit]
) -> SimulationResult:
    """Run all units from one common queue, costliest first: the simplest good balancer.

    It knows neither weights nor rates. Ties go to the first device. A unit on a device that
    stops for good is given to the next one that is free from then on.
    """
    idle = [(device.load_seconds, position) for position, device in enumerate(devices)]
    heapify(idle)
    busy = dict.fromkeys((device.spec.device for device in devices), 0.0)
    makespan = 0.0
    waiting = [(-unit.cost, unit.unit_id) for unit in units]
    heapify(waiting)
    lost: list[tuple[float, tuple[float, int]]] = []
    while idle and (waiting or lost):
        start, position = idle[0]
        while lost and (lost[0][0] <= start or not waiting):
            start = max(start, lost[0][0])
            heappush(waiting, heappop(lost)[1])
        minus_cost, number = heappop(waiting)
        speed, name = devices[position].speed, devices[position].spec.device
        end = speed.finish(start, -minus_cost)
        if end == inf:
            heappop(idle)
            stop = max(start, speed.steps[-1][0])
            busy[name] += stop - start
            heappush(lost, (stop, (minus_cost, number)))
            continue
        busy[name] += end - start
        makespan = max(makespan, end)
        heapreplace(idle, (end, position))
    left = len(waiting) + len(lost)
    totals = Totals(files=len(units), done=len(units) - left, waiting=left)
    return SimulationResult(makespan, busy, 0, totals)
