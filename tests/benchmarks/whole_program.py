"""The whole program against fair-esm's `extract.py`: `python -m tests.benchmarks.whole_program`.

`tui-balancer run --headless` on a folder of files; `extract.py` as one process on the same
sequences in one file; and `extract.py` started once a file. Everything counts: start-up, reading,
writing. All use the same checkpoint (random weights) on all cores, by turns. The last line is the
time that no float32 program can beat: the FLOPs of the forward passes at the rate of the model's
largest matrix product, which all cores compute at once, by turns with the rest.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from Bio import SeqIO

from tests.benchmarks.breakdown import attention_flops, product_flops
from tests.benchmarks.forward_contenders import CORES
from tests.support.checkpoints import make_checkpoint
from tui_balancer.alphabets import PROTEIN
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.families.table import MODELS as SHAPES
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS
from tui_balancer.workers.benchmark.benchmark import benchmark
from tui_balancer.workers.benchmark.messages import BenchmarkTask

LONGEST = 1022
"""Residues; longer sequences are cut, here as by `extract.py`."""

MODELS = {name.split("_")[2]: name for name in FAMILIES["esm2"].models}


def run_program(checkpoint: Path, inputs: Path, output: Path) -> None:
    command = [sys.executable, "-m", "tui_balancer", "run", str(inputs), "-o", str(output)]
    quietly([*command, "--headless", "--model", str(checkpoint), "--devices", "cpu"])


def run_extract(checkpoint: Path, files: Sequence[Path], output: Path) -> None:
    for file in files:
        command = [sys.executable, "-m", "tests.benchmarks.extract", str(checkpoint), str(file)]
        quietly([*command, str(output / file.stem)])


def seconds_at_the_ceiling(checkpoint: Path, files: Sequence[Path]) -> float:
    """Return how long the forward passes take cores that do nothing but multiply, at full speed."""
    source = resolve(CheckpointModel(checkpoint))
    tasks = [
        BenchmarkTask(f"cpu:{core}", 1, source, ("fp32",), CPU_BATCH_TOKENS, seconds=2.0)
        for core in range(CORES)
    ]
    ceilings = {one.device: one.ceiling for one in benchmark(tasks, lambda _: None)}
    tokens = [
        PROTEIN.tokens(min(len(record), LONGEST))
        for file in files
        for record in SeqIO.parse(file, "fasta")
    ]
    flops = sum(
        product_flops(source.shape, length) + attention_flops(source.shape, length)
        for length in tokens
    )
    return flops / sum(ceilings.values())


def quietly(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def seconds_of(contender: Callable[[Path], None]) -> float:
    """Return how long a contender takes, on an empty folder."""
    output = Path(tempfile.mkdtemp())
    began = time.perf_counter()
    contender(output)
    took = time.perf_counter() - began
    shutil.rmtree(output)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="8M")
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    shape = SHAPES[MODELS[options.model]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = make_checkpoint(
            folder / f"{MODELS[options.model]}.pt", shape.layers, shape.width, shape.heads
        )
        files = write_synthetic(
            folder / "in", files=options.files, sequences=options.sequences, seed=0
        )
        together = folder / "all.fasta"
        together.write_text("".join(file.read_text() for file in files))
        contenders: dict[str, Callable[[Path], None]] = {
            "tui-balancer run": lambda output: run_program(checkpoint, folder / "in", output),
            "extract.py, one process": lambda output: run_extract(checkpoint, [together], output),
            "extract.py, once a file": lambda output: run_extract(checkpoint, files, output),
        }
        seconds: dict[str, list[float]] = {contender: [] for contender in contenders}
        least: list[float] = []
        for _ in range(options.rounds):
            least.append(seconds_at_the_ceiling(checkpoint, files))
            for contender, start in contenders.items():
                seconds[contender].append(seconds_of(start))
        own = median(seconds["tui-balancer run"])
        seconds["the arithmetic alone"] = least
        print(f"{options.model}, {options.sequences:,} sequences in {options.files} files")
        print(f"{'':<26}{'seconds':>9}{'times the first':>17}")
        for contender, times in seconds.items():
            print(f"{contender:<26}{median(times):>9.1f}{median(times) / own:>17.2f}")


if __name__ == "__main__":
    main()
