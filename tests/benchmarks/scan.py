"""How fast inputs are scanned: `python -m tests.benchmarks.scan`.

Scans 10,000 uneven files of made-up proteins by turns as a run does, copies noted; without a C
compiler; and by way of Biopython, which the scan itself takes for whatever is not plain. Lets
Biopython's parser alone go over the same files, counting nothing; and reads and hashes them, doing
nothing else: the ceiling of whatever notes the SHA-256 of its inputs. All are in the page cache.
Prints megabytes a second of one core's time, for proteins that are as long on average as those of
UniProtKB/Swiss-Prot (about 360 residues), and for shorter ones, as they are predicted on viral
contigs (250): what a sequence takes however short it is weighs more there. Last comes by how much
the processes of all cores are faster, by the clock, their start included.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from unittest.mock import patch

from Bio.SeqIO.FastaIO import SimpleFastaParser

from tui_balancer.devices.processor import usable_cores
from tui_balancer.inputs import counting, duplicates
from tui_balancer.inputs import scan as scanning
from tui_balancer.inputs.blocks import PlainDivider
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import InputFile, find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.synthetic import RESIDUE_PERCENT
from tui_balancer.notices import Notices
from tui_balancer.run.prepare.scan_processes import scan_on_cores

_SIGMA = 0.6
"""Of the logarithm of the lengths."""


def write_inputs(folder: Path, files: int, sequences: int, mean: int) -> None:
    """Write uneven files of sequences that are pieces of one long random text."""
    dice = random.Random(0)
    text = "".join(dice.choices(*zip(*RESIDUE_PERCENT.items(), strict=True), k=1_000_000))
    median_length = mean / math.exp(_SIGMA**2 / 2)
    shares = [dice.lognormvariate(0, 1) for _ in range(files)]
    for number, share in enumerate(shares):
        path = folder / f"{number % 100:02}" / f"{number:05}.faa"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            for index in range(max(1, round(sequences * share / sum(shares)))):
                length = max(30, round(median_length * dice.lognormvariate(0, _SIGMA)))
                start = dice.randrange(len(text) - length)
                lines = (text[at : at + 60] for at in range(start, start + length - 59, 60))
                last = text[start + length - length % 60 : start + length]
                file.write(f">sp|P{number}_{index}|NAME_VIRUS made-up protein OS=none\n")
                file.write("\n".join([*lines, last]) + "\n")


def as_a_run_does(inputs: Sequence[InputFile]) -> int:
    scans = scanning.scan(inputs, ReadingRules(), duplicate_index=DuplicateIndex())
    return sum(one.counts.sequences for one in scans)


def without_a_compiler(inputs: Sequence[InputFile]) -> int:
    plain = PlainDivider()
    with (
        patch.object(counting, "divider", lambda: plain),
        patch.object(duplicates, "divider", lambda: plain),
    ):
        return as_a_run_does(inputs)


def by_way_of_biopython(inputs: Sequence[InputFile]) -> int:
    with patch.object(scanning, "count_plain", lambda *_: None):
        return as_a_run_does(inputs)


def by_its_parser_alone(inputs: Sequence[InputFile]) -> int:
    sequences = 0
    for one in inputs:
        with one.path.open() as text:
            sequences += sum(1 for _ in SimpleFastaParser(text))
    return sequences


def hashes_alone(inputs: Sequence[InputFile]) -> None:
    for one in inputs:
        with one.path.open("rb", buffering=0) as file:
            digest = hashlib.sha256()
            while data := file.read(1 << 18):
                digest.update(data)


WAYS: dict[str, Callable[[Sequence[InputFile]], int | None]] = {
    "read and hashed alone": hashes_alone,
    "the scan": as_a_run_does,
    "the scan without a compiler": without_a_compiler,
    "the scan by way of Biopython": by_way_of_biopython,
    "Biopython's parser alone": by_its_parser_alone,
}


def gain(folder: str, rounds: int) -> float:
    """Return how many times as fast as one process those of all cores are."""
    inputs, gains = find_inputs([folder]), []
    for _ in range(rounds):
        took = []
        for processes in (1, usable_cores()):
            given = (DuplicateIndex(), None, Notices(), processes)
            began = time.perf_counter()
            scan_on_cores(inputs, ReadingRules(), None, None, *given)
            took.append(time.perf_counter() - began)
        gains.append(took[0] / took[1])
    return median(gains)


def gain_of_the_program(folder: str, rounds: int) -> float:
    """Return the `gain` in a process whose main module is bare, as the program's is.

    Every process that starts imports that module; this one would take half of its time.
    """
    code = f"from tests.benchmarks.scan import gain; print(gain({folder!r}, {rounds}))"
    command = (sys.executable, "-c", code)
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def measure(files: int, sequences: int, mean: int, rounds: int) -> None:
    """Write files, scan them by turns, and print what came out."""
    speeds: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name), files, sequences, mean)
        inputs = find_inputs([name])
        megabytes = sum(one.path.stat().st_size for one in inputs) / 1e6
        counted = set()
        for _ in range(rounds):
            for way, go in WAYS.items():
                began = time.process_time()
                counted.add(go(inputs))
                speeds[way].append(megabytes / (time.process_time() - began))
        times = gain_of_the_program(name, rounds)
    counted.discard(None)
    assert len(counted) == 1, f"they disagree on how many sequences there are: {counted}"
    print(
        f"{len(inputs):,} files, {counted.pop():,} sequences of {mean} residues on average, "
        f"{megabytes:,.0f} MB"
    )
    for way, each in speeds.items():
        ratio = median(each) / median(speeds["the scan by way of Biopython"])
        print(f"{way:<30}{median(each):>6.0f} MB/s a core{ratio:>7.1f}", flush=True)
    print(f"{usable_cores()} processes are {times:.2f} times as fast as one", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--sequences", type=int, default=3_000_000)
    parser.add_argument("--means", type=int, nargs="+", default=[360, 250])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for mean in options.means:
        measure(options.files, options.sequences, mean, options.rounds)


if __name__ == "__main__":
    main()
