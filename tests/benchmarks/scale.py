"""What a decision costs on 1,024 devices, and how it grows: `python -m tests.benchmarks.scale`.

Simulates files of lognormal cost to the end, under the very coordinator of real runs, whose
weights are the flat scale of GPU_WEIGHTS; running files are divided when queues are dry. Columns:
real seconds of the whole simulation; of every call in which an idle device looked for work
elsewhere, the median and the 99th percentile, in processor time, so that other programs do not
count; makespan over the fluid bound. The first row is the limit of that code on this processor:
what a decision costs on eight devices, whose state stays in the caches. Last come the bytes a file
at the peak, its Unit and name included, measured in runs of their own since tracing memory takes
time, and the memory of an app that lists a million files; each beside that of bare objects.
"""

from __future__ import annotations

import argparse
import random
import time
import tracemalloc
from statistics import median, quantiles

from tests.benchmarks.screen import a_million
from tui_balancer.scheduler.model import DeviceSpec
from tui_balancer.scheduler.policy.bounds import Speed, fluid_bound
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.simulate import lognormal_units, simulate

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BATCHES = 2
"""Of a file of mean cost."""

SPEEDS = (1.0, 1.5, 2.0, 3.0, 4.0)
FLAT = 0.35
MEAN_COST = 4.0
"""FLOPs, so that a file takes about two seconds, as in a run of a million small files."""


def made_up_devices(count: int) -> list[SimulatedDevice]:
    dice = random.Random(0)
    rates = [dice.choice(SPEEDS) for _ in range(count)]
    return [
        SimulatedDevice(DeviceSpec(f"cuda:{number}", "card", rate**FLAT), Speed.steady(rate))
        for number, rate in enumerate(rates)
    ]


def row(devices: int, files: int) -> str:
    made_up = made_up_devices(devices)
    units = lognormal_units(0, files, mean_cost=MEAN_COST)
    bound = fluid_bound([unit.cost for unit in units], [device.speed for device in made_up])
    began = time.perf_counter()
    rules = Rules(batch_cost=MEAN_COST / BATCHES)
    run = simulate(made_up, units, rules, stopwatch=time.thread_time)
    took = time.perf_counter() - began
    micros = [1e6 * seconds for seconds in run.decisions]
    p99 = quantiles(micros, n=100, method="inclusive")[-1]
    return (
        f"{devices:>7,}{files:>10,}{took:>9.1f}{1e6 * took / files:>9.0f}{len(micros):>11,}"
        f"{median(micros):>9.1f}{p99:>8.0f}{run.now / bound:>9.3f}"
    )


def bare_bytes(files: int) -> float:
    """Return the bytes a file of its number, name and cost alone, in a list of tuples."""
    tracemalloc.start()
    units = lognormal_units(0, files, mean_cost=MEAN_COST)
    bare = [(unit.unit_id, unit.name, unit.cost) for unit in units]
    del units
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held / len(bare)


def bytes_a_file(devices: int, few: int, files: int) -> float:
    """Return by how much the peak of memory grows from few files to many.

    The few are enough to fill the log of events, which keeps a fixed number of them.
    """
    made_up = made_up_devices(devices)
    peaks = []
    for count in (few, files):
        tracemalloc.start()
        simulate(made_up, lognormal_units(0, count, mean_cost=MEAN_COST), Rules())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (files - few)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1024)
    parser.add_argument("--files", type=int, nargs="+", default=SIZES)
    parser.add_argument("--no-app", action="store_true", help="leave out the app's memory")
    options = parser.parse_args()
    print(
        f"{'devices':>7}{'files':>10}{'seconds':>9}{'µs/file':>9}{'decisions':>11}"
        f"{'med µs':>9}{'p99 µs':>8}{'/ bound':>9}"
    )
    for devices, files in [(8, 10_000), *((options.devices, files) for files in options.files)]:
        print(row(devices, files), flush=True)
    print(
        f"{bytes_a_file(64, 10_000, 30_000):.0f} bytes a file, from 10,000 to 30,000 files; "
        f"its number, name and cost in a tuple {bare_bytes(30_000):.0f}"
    )
    if not options.no_app:
        print(a_million())


if __name__ == "__main__":
    main()
