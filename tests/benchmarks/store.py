"""A run again over what a store has: `python -m tests.benchmarks.store`.

Whole commands in processes of their own: over proteins without a store, over the same with an empty
one, over the same again, and over files in which a tenth of the sequences are new, strewn at
random. Prints the seconds of each and the ratios, and checks the store at the end.
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

from tui_balancer.inputs.synthetic import write_synthetic

GOAL_SAME = 20.0
GOAL_TENTH = 6.0


def proteins(folder: Path, count: int, seed: int) -> list[str]:
    """Return made-up proteins."""
    (source,) = write_synthetic(folder / f"source{seed}", files=1, sequences=count, seed=seed)
    return [record.split("\n", 1)[1] for record in source.read_text().split(">")[1:]]


def write_inputs(folder: Path, sequences: Sequence[str], files: int) -> Path:
    """Write uneven files of these sequences, in this order."""
    dice = random.Random(0)
    folder.mkdir()
    cuts = sorted(dice.sample(range(1, len(sequences)), files - 1))
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(sequences)], strict=True)):
        records = (f">p{n}\n{sequences[n]}\n" for n in range(start, end))
        (folder / f"{number:04}.fasta").write_text("".join(records))
    return folder


def seconds(inputs: Path, output: Path, options: Sequence[str]) -> float:
    """Return how long a command takes, from its start to its end."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "tui_balancer", "run", inputs, "-o", output, "--headless", *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--model", default="untrained:esm2_t12_35M_UR50D")
    parser.add_argument("--devices", default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place, dice = Path(name), random.Random(1)
        old = proteins(place, given.sequences, seed=0)
        new = proteins(place, given.sequences // 10, seed=1)
        dice.shuffle(old)
        mixed = [*old[len(new) :], *new]
        dice.shuffle(mixed)
        same = write_inputs(place / "same", old, given.files)
        tenth = write_inputs(place / "tenth", mixed, given.files)
        model = ("--model", given.model, "--devices", given.devices)
        with_store = (*model, "--store", str(place / "store"))
        without = seconds(same, place / "without", model)
        first = seconds(same, place / "first", with_store)
        second = seconds(same, place / "second", with_store)
        mixture = seconds(tenth, place / "mixture", with_store)
        print(f"{given.sequences:,} proteins in {given.files} files, {given.model}")
        print(f"without a store      {without:7.1f} s")
        print(f"first, empty store   {first:7.1f} s")
        same_ratio, tenth_ratio = first / second, first / mixture
        print(f"same again           {second:7.1f} s  {same_ratio:5.1f}x (goal {GOAL_SAME:g}x)")
        print(f"a tenth is new       {mixture:7.1f} s  {tenth_ratio:5.1f}x (goal {GOAL_TENTH:g}x)")
        check = [sys.executable, "-m", "tui_balancer", "store", "verify", str(place / "store")]
        clean = subprocess.run(check).returncode == 0
    met = same_ratio >= GOAL_SAME and tenth_ratio >= GOAL_TENTH
    return 0 if clean and met else 1


if __name__ == "__main__":
    sys.exit(main())
