"""A run in which half of the sequences are copies: `python -m tests.benchmarks.duplicates`.

Whole runs by turns, with copies computed once and with every copy computed, on the same files:
each sequence is in one of them, and in another one or in the same one again. Prints the ratio of
the times from the first batch to the last output, and that of whole commands with their start-up.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.sessions import on_cores
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.workers.process.spawning import start_helper


def write_inputs(folder: Path, files: int, sequences: int) -> None:
    """Write uneven files with all sequences twice, strewn at random."""
    dice = random.Random(0)
    (source,) = write_synthetic(folder / "source", files=1, sequences=sequences // 2, seed=0)
    residues = [record.split("\n", 1)[1] for record in source.read_text().split(">")[1:]]
    records = [f">p{number}\n{one}" for number, one in enumerate([*residues, *residues])]
    dice.shuffle(records)
    cuts = sorted(dice.sample(range(1, len(records)), files - 1))
    inputs = folder / "in"
    inputs.mkdir()
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(records)], strict=True)):
        (inputs / f"{number:04}.fasta").write_text("".join(records[start:end]))


@dataclass(frozen=True)
class Measured:
    """Seconds of a run, and how many copies it knew."""

    computing: float
    whole: float
    copies: int


def measure(inputs: Path, model: str, workers: int, *, dereplicate: bool) -> Measured:
    with tempfile.TemporaryDirectory() as output:
        run = on_cores(inputs, model, Path(output) / "out", workers, dereplicate=dereplicate)
        run.start()
        run.wait()
        run.close()
        summary = run.summary()
        assert summary is not None
        assert not summary.failed, summary.failed
        computing = max(one.busy_seconds + (one.idle_seconds or 0.0) for one in summary.devices)
        return Measured(computing, summary.elapsed_seconds, summary.copies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--model", default="untrained:esm2_t6_8M_UR50D")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    start_helper()
    measured: dict[bool, list[Measured]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name), options.files, options.sequences)
        for _ in range(options.rounds):
            for dereplicate, runs in measured.items():
                runs.append(
                    measure(
                        Path(name) / "in", options.model, options.workers, dereplicate=dereplicate
                    )
                )
    once, every = measured[True], measured[False]
    copies = once[0].copies
    print(f"{copies:,} of {options.sequences:,} sequences are copies, {options.workers} workers")
    for what, name in (("computing", "first batch to last output"), ("whole", "whole run")):
        without, with_ = (median(getattr(one, what) for one in runs) for runs in (every, once))
        print(f"{name:<28}{without:>8.1f} s  {with_:>8.1f} s  {without / with_:.2f}x faster")


if __name__ == "__main__":
    main()
