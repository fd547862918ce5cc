"""A run under a virtual clock: the real coordinator and policies with simulated devices.

Devices have a true speed over time, which the coordinator does not know: it sees weights,
and then what workers report. Workers die and return. The arguments determine everything, so
the same call gives the same result.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import inf

from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun

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
    rules: Rules,
    stopwatch: Callable[[], float] | None = None,
) -> SimulatedRun:
    """Return a run of all units at its end, under the coordinator.

    Args:
        rules: How it is balanced.
        stopwatch: Real clock in seconds, to time decisions with.
    """
    return SimulatedRun(devices, rules, stopwatch).run(units)


def simulate_central_queue(devices: Sequence[SimulatedDevice], units: Sequence[Unit]) -> float:
    """Return the makespan of one queue in descending cost: the simplest good balancer.

    It uses neither weights nor rates. Ties go to the first device. A unit on a device that stops
    for ever goes to the next free device.
    """
    idle = [(device.load_seconds, position) for position, device in enumerate(devices)]
    heapify(idle)
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
        speed = devices[position].speed
        end = speed.finish(start, -minus_cost)
        if end == inf:
            heappop(idle)
            stop = max(start, speed.steps[-1][0])
            heappush(lost, (stop, (minus_cost, number)))
            continue
        makespan = max(makespan, end)
        heapreplace(idle, (end, position))
    return makespan
