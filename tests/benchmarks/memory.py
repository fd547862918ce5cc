"""Memory of CPU workers: `python -m tests.benchmarks.memory --models 8M 35M 150M`.

Peak: the most that a worker of a whole run ever had resident, beside a process of fair-esm's
`extract.py` on the same sequences. Shared: proportional set size of all workers of a run together
(pages that several map count once), with one worker and with four, while they compute; what a
worker more costs tells whether the weights are there once.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.checkpoints import make_checkpoint
from tests.support.sessions import on_cores
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.families.table import MODELS as SHAPES
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.live.session import RunSession
from tui_balancer.scheduler.commands import StopNow
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.workers.process.spawning import start_helper

MODELS = {name.split("_")[2]: name for name in FAMILIES["esm2"].models}
SEQUENCES = 100
LONGEST_FIRST = 8
"""Of the sequences, as many as `extract.py` gets: the longest, which decide its peak."""
MIB = 1 << 20


def memory_of(model: str, inputs: Path, workers: int, seconds: float) -> tuple[int, int]:
    """Return the greatest proportional set size of all workers, and the greatest peak of one.

    The run is watched for some seconds after all have a file, and then stopped.
    """
    with tempfile.TemporaryDirectory() as output:
        run = on_cores(inputs, model, Path(output) / "out", workers)
        run.start()
        together = peak = 0
        until = math.inf
        while not run.wait(0.2):
            if time.monotonic() > until:
                run.execute(StopNow())
            if until == math.inf and all_compute(run):
                until = time.monotonic() + seconds
            pids = run.engine.pids().values()
            together = max(together, sum(field(pid, "smaps_rollup", "Pss:") for pid in pids))
            peak = max([peak, *(field(pid, "status", "VmHWM:") for pid in pids)])
        run.close()
    return together, peak


def all_compute(run: RunSession) -> bool:
    """Whether every worker has a file in hand."""
    return all(row.state is DeviceState.BUSY for row in run.snapshot().devices)


def field(pid: int, file: str, name: str) -> int:
    """Return a number of a process's memory, in bytes; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), 0)


def peak_of_extract(checkpoint: Path, inputs: Path, output: Path) -> int:
    """Return the peak of `extract.py` in bytes."""
    extract = ("-m", "tests.benchmarks.extract", str(checkpoint))
    return peak_of_python(*extract, str(inputs), str(output))


def peak_of_python(*arguments: str) -> int:
    """Return the peak of a program in Python in bytes, told by a process that only waits for it."""
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return 1024 * int(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["8M", "35M", "150M"])
    parser.add_argument("--seconds", type=float, default=30.0, help="to watch each run")
    options = parser.parse_args()
    start_helper()
    torch = peak_of_python("-c", "import torch")
    print(f"a process that only imports torch: {torch / MIB:,.0f} MiB")
    print(f"{'MiB':<14}{'weights':>9}{'worker peak':>13}{'extract.py':>12}", end="")
    print(f"{'1 worker':>10}{'4 workers':>11}{'a worker more':>15}")
    for model in options.models:
        name = MODELS[model]
        shape = SHAPES[name]
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            checkpoint = folder / f"{name}.pt"
            make_checkpoint(checkpoint, shape.layers, shape.width, shape.heads)
            (source,) = write_synthetic(folder / "in", files=1, sequences=SEQUENCES, seed=0)
            records = sorted(source.read_text().split(">")[1:], key=len, reverse=True)
            for number in range(1, 8):
                (folder / "in" / f"{number}.fasta").write_text(source.read_text())
            together = folder / "longest.fasta"
            together.write_text("".join(f">{record}" for record in records[:LONGEST_FIRST]))
            extract = peak_of_extract(checkpoint, together, folder / "out")
            for kind, given in (("", str(checkpoint)), (" untrained", f"untrained:{name}")):
                one, peak = memory_of(given, folder / "in", 1, options.seconds)
                four, peak_of_four = memory_of(given, folder / "in", 4, options.seconds)
                size = checkpoint.stat().st_size
                numbers = (size, max(peak, peak_of_four), extract, one, four, (four - one) / 3)
                widths = (9, 13, 12, 10, 11, 15)
                row = zip(numbers, widths, strict=True)
                print(f"{model + kind:<14}" + "".join(f"{n / MIB:>{w},.0f}" for n, w in row))
                sys.stdout.flush()


if __name__ == "__main__":
    main()
