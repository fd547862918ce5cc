"""What `resume` of a finished run takes: `python -m tests.benchmarks.resume --files 10000`.

Embeds files of one peptide each, then resumes the finished run several times, which checks all
inputs and outputs, and prints the medians: seconds on the clock, and processor time of the app and
its processes. By turns with it, a process that only imports torch, which the check of the model
cannot do without.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.support.checkpoints import make_checkpoint
from tui_balancer.devices.processor import processor_name, usable_cores
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.formatting import plural

_MODEL = "esm2_t6_8M_UR50D"
_RUN = (sys.executable, "-m", "tui_balancer")


def timed(command: list[str]) -> tuple[float, float]:
    """Return the seconds of a command that must succeed, and its processor time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", choices=("quick", "full"), default="quick")
    options = parser.parse_args()
    shape = MODELS[_MODEL]
    resumed: list[tuple[float, float]] = []
    imports: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        checkpoint = make_checkpoint(
            folder / f"{_MODEL}.pt", shape.layers, shape.width, shape.heads
        )
        (folder / "in").mkdir()
        for number in range(options.files):
            (folder / "in" / f"{number:06}.faa").write_text(f">p{number}\nMKVLAAGIT\n")
        output = str(folder / "out")
        devices = ["--devices", "cpu", "--headless", "--quiet"]
        timed(
            [*_RUN, "run", str(folder / "in"), "-o", output, "--model", str(checkpoint), *devices]
        )
        for _ in range(options.rounds):
            imports.append(timed([sys.executable, "-c", "import torch"]))
            resumed.append(timed([*_RUN, "resume", output, "--check", options.check, *devices]))
    cores = plural(usable_cores(), "core")
    print(f"{processor_name()}, {cores}; median of {plural(options.rounds, 'round')}")
    for what, times in (
        (f"resume of {options.files:,} finished files", resumed),
        ("import torch, nothing else", imports),
    ):
        seconds, used = (median(one) for one in zip(*times, strict=True))
        worst = max(one for one, _ in times)
        print(f"{what:<36}{seconds:>6.2f} s (at most {worst:.2f}), processor {used:.2f} s")


if __name__ == "__main__":
    main()
