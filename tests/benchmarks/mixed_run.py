"""One run with two models against a run of each, one after the other.

    python -m tests.benchmarks.mixed_run

Whole runs of the program with random weights, by turns: proteins through one model, DNA through
another, on all cores. Start-up and the change from one model to the other count. The ratio is of
wall times, mixed over the sum of both; below 1 the mixed run is faster.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tui_balancer.inputs.synthetic import write_synthetic

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--proteins", default="untrained:esm2_t12_35M_UR50D", metavar="MODEL")
    parser.add_argument("--bases", default="untrained:DNABERT-S", metavar="MODEL")
    parser.add_argument("--files", type=int, default=8, help="of each model")
    parser.add_argument("--sequences", type=int, default=240, help="of each model")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_synthetic(
            folder / "proteins", files=options.files, sequences=options.sequences, seed=SEED
        )
        write_bases(folder / "bases", options.files, options.sequences)
        halves = [
            [f"{options.proteins}={folder / 'proteins'}"],
            [f"{options.bases}={folder / 'bases'}"],
        ]
        both = [one for half in halves for one in half]
        apart, mixed = [], []
        for _ in range(options.rounds):
            apart.append(sum(seconds_of(half) for half in halves))
            mixed.append(seconds_of(both))
    print(f"{options.sequences:,} sequences of each model in {options.files} files each")
    print(f"{'one after the other':<22}{median(apart):>8.1f} s")
    ratio = median(one / other for one, other in zip(mixed, apart, strict=True))
    print(f"{'mixed':<22}{median(mixed):>8.1f} s{ratio:>8.2f} (goal <= 1.05)")


def write_bases(folder: Path, files: int, sequences: int) -> None:
    """Write files of DNA in fragments of 500 bases, as VirNucPro's preparation cuts them."""
    folder.mkdir()
    rng = random.Random(SEED)
    for number in range(files):
        with (folder / f"{number}.fa").open("w") as file:
            for sequence in range(number, sequences, files):
                file.write(f">s{sequence}\n{''.join(rng.choices('ACGT', k=500))}\n")


def seconds_of(models: Sequence[str]) -> float:
    """Return the wall time of a run of models, each with its inputs."""
    command = [sys.executable, "-m", "tui_balancer", "run", "--headless", "--devices", "cpu"]
    for model in models:
        command += ["--model", model]
    with tempfile.TemporaryDirectory() as output:
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "-o", f"{output}/out"], capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    return took


if __name__ == "__main__":
    main()
