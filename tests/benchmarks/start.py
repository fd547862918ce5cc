"""What a start takes, part by part: `python -m tests.benchmarks.start`.

Runs a small folder on two CPU workers, several times, and prints the medians: from the command to
the run folder (the interpreter, imports, model and inputs), to the workers' start, until the first
of them has its model, and until the first lease, when a worker has its first batch. By turns with
the runs, processes that only import torch, as many at once as there are workers: no worker is there
sooner than that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.support.checkpoints import make_checkpoint
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.families.table import MODELS as SHAPES
from tui_balancer.history.history import read_history
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.scheduler.events import DeviceEvent, LeaseEvent
from tui_balancer.scheduler.model import DeviceState

MODELS = {name.split("_")[2]: name for name in FAMILIES["esm2"].models}


def parts_of_a_run(model: str, inputs: Path, output: Path, workers: int) -> dict[str, float]:
    """Return the seconds of each part of a start, in their order, and of all together."""
    command = [sys.executable, "-m", "tui_balancer", "run", str(inputs), "-o", str(output)]
    devices = ["--devices", "cpu", "--cpu-workers", str(workers)]
    done = subprocess.run(
        [*command, "--headless", "--model", model, *devices], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    history = read_history(output)
    age = history.sessions[0].record.age_seconds
    moved = [event for event in history.events if isinstance(event, DeviceEvent)]
    started = next(one.seconds for one in moved if one.state is DeviceState.STARTING)
    loaded = next(one.seconds for one in moved if one.state is DeviceState.IDLE)
    leased = next(one.seconds for one in history.events if isinstance(one, LeaseEvent))
    return {
        "command to run folder": age,
        "to the workers' start": started,
        "to a worker with its model": loaded - started,
        "to the first batch": leased - loaded,
        "all": age + leased,
    }


def import_seconds(processes: int) -> float:
    """Return how long so many processes take to import torch, at once."""
    began = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", "import torch"]) for _ in range(processes)]
    assert not any(one.wait() for one in running)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="8M")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    name = MODELS[options.model]
    shape = SHAPES[name]
    runs: list[dict[str, float]] = []
    imports: list[float] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        checkpoint = make_checkpoint(folder / f"{name}.pt", shape.layers, shape.width, shape.heads)
        write_synthetic(folder / "in", files=4, sequences=8, seed=0)
        for number in range(options.rounds):
            imports.append(import_seconds(options.workers))
            output = folder / f"out{number}"
            runs.append(parts_of_a_run(str(checkpoint), folder / "in", output, options.workers))
    print(f"{options.model}, {options.workers} CPU workers, median of {options.rounds} starts")
    for part in runs[0]:
        seconds = [run[part] for run in runs]
        print(f"{part:<28}{median(seconds):>6.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})")
    print(f"{'import torch, nothing else':<28}{median(imports):>6.2f} s")


if __name__ == "__main__":
    main()
