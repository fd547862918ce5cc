"""How fast inputs are scanned: `python -m tests.benchmarks.scan`.

Scans 10,000 uneven files of made-up proteins by turns as a run does, copies noted, and by way of
Biopython, which the scan itself takes for whatever is not plain; and lets Biopython's parser alone
go over the same files. All are in the page cache. Prints megabytes a second of one core's time.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from unittest.mock import patch

from Bio.SeqIO.FastaIO import SimpleFastaParser

from tui_balancer.inputs import scan as scanning
from tui_balancer.inputs.census import Census
from tui_balancer.inputs.discovery import InputFile, find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.synthetic import write_synthetic

_DISTINCT = 2000


def write_inputs(folder: Path, files: int, sequences: int) -> None:
    """Write uneven files; each sequence is one of some thousand, turned by a number of its own."""
    dice = random.Random(0)
    (source,) = write_synthetic(folder / "source", files=1, sequences=_DISTINCT, seed=0)
    proteins = ["".join(record.split("\n")[1:]) for record in source.read_text().split(">")[1:]]
    source.unlink()
    shares = [dice.lognormvariate(0, 1) for _ in range(files)]
    for number, share in enumerate(shares):
        path = folder / "in" / f"{number % 100:02}" / f"{number:05}.faa"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            for index in range(max(1, round(sequences * share / sum(shares)))):
                protein = dice.choice(proteins)
                turn = dice.randrange(len(protein))
                turned = protein[turn:] + protein[:turn]
                lines = "\n".join(turned[at : at + 60] for at in range(0, len(turned), 60))
                file.write(f">sp|P{number}_{index}|NAME_VIRUS made-up protein OS=none\n{lines}\n")


def as_a_run_does(inputs: Sequence[InputFile]) -> int:
    scans = scanning.scan(inputs, ReadingRules(), census=Census())
    return sum(one.sequences for one in scans)


def by_way_of_biopython(inputs: Sequence[InputFile]) -> int:
    with patch.object(scanning, "count_plain", lambda *_: None):
        return as_a_run_does(inputs)


def by_its_parser_alone(inputs: Sequence[InputFile]) -> int:
    sequences = 0
    for one in inputs:
        with one.path.open() as text:
            sequences += sum(1 for _ in SimpleFastaParser(text))  # type: ignore[no-untyped-call]
    return sequences


WAYS: dict[str, Callable[[Sequence[InputFile]], int]] = {
    "the scan": as_a_run_does,
    "the scan by way of Biopython": by_way_of_biopython,
    "Biopython's parser alone": by_its_parser_alone,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--sequences", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    speeds: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name), options.files, options.sequences)
        inputs = find_inputs([Path(name) / "in"])
        megabytes = sum(one.path.stat().st_size for one in inputs) / 1e6
        counted = set()
        for _ in range(options.rounds):
            for way, go in WAYS.items():
                began = time.process_time()
                counted.add(go(inputs))
                speeds[way].append(megabytes / (time.process_time() - began))
    assert len(counted) == 1, f"they disagree on how many sequences there are: {counted}"
    print(f"{len(inputs):,} files, {counted.pop():,} sequences, {megabytes:,.0f} MB")
    for way, each in speeds.items():
        ratio = median(speeds["the scan"]) / median(each)
        print(f"{way:<30}{median(each):>6.0f} MB/s a core, {ratio:.1f} times as fast is the scan")


if __name__ == "__main__":
    main()
