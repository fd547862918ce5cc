"""Replay of a long run: `python -m tests.benchmarks.replay --files 100000`.

A simulated run on eight devices is written into a ledger; then it is opened as `replay` opens it,
and moments all over it are shown, forwards and backwards.
"""

from __future__ import annotations

import argparse
import random
import time
from math import inf
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import psutil

from tests.support.told_run import recorded_run
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.scheduler.model import DeviceSpec, TimeSettings
from tui_balancer.scheduler.policy.bounds import Speed
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.simulate import lognormal_units

MOMENTS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    files = parser.parse_args().files
    devices = [
        SimulatedDevice(DeviceSpec(f"cuda:{place}", "Made-up card", 1.0), Speed.steady(1e12))
        for place in range(8)
    ]
    with TemporaryDirectory() as name:
        units = lognormal_units(0, files, mean_cost=1e12)
        folder = recorded_run(
            Path(name),
            devices,
            units,
            Rules(TimeSettings(), stealing=True, batch_cost=inf, report_seconds=2.0),
        )
        before = psutil.Process().memory_info().rss
        began = time.perf_counter()
        replay = ReplayRun(folder, clock=lambda: 0.0)
        opened = time.perf_counter() - began
        held = psutil.Process().memory_info().rss - before
        length = replay.playback().length
        took = []
        for moment in random.Random(0).choices(range(1000), k=MOMENTS):
            began = time.perf_counter()
            replay.seek(length * moment / 1000)
            replay.snapshot()
            replay.places(-1)
            took.append(1000 * (time.perf_counter() - began))
    print(
        f"replay of {files:,} files   opened in {opened:.1f} s, {held / 1e6:.0f} MB; a moment is"
        f" shown within {median(took):.0f} ms, p95 {quantiles(took, n=20)[-1]:.0f} ms, worst"
        f" {max(took):.0f} ms"
    )


if __name__ == "__main__":
    main()
