"""Tiny files against the same sequences in one: `python -m tests.benchmarks.small_files`.

Whole runs of `tui-balancer run --headless`, by turns. The rate counts from the first batch to
the last output, since start-up would hide the difference.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from statistics import median

from tests.support.sessions import on_cores
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.workers.process.spawning import start_helper


def write_inputs(folder: Path, files: int) -> None:
    """Write files of one to five sequences, and one file of all."""
    dice = random.Random(0)
    counts = [dice.randint(1, 5) for _ in range(files)]
    (source,) = write_synthetic(folder / "source", files=1, sequences=sum(counts), seed=0)
    records = [f">{record}" for record in source.read_text().split(">")[1:]]
    (folder / "many").mkdir()
    (folder / "one").mkdir()
    (folder / "one" / "all.fasta").write_text("".join(records))
    for number, count in enumerate(counts):
        taken, records = records[:count], records[count:]
        (folder / "many" / f"{number:05}.fasta").write_text("".join(taken))


def rate(inputs: Path, model: str, workers: int) -> float:
    """Return the residues a second of a run."""
    with tempfile.TemporaryDirectory() as output:
        run = on_cores(inputs, model, Path(output) / "out", workers)
        run.start()
        run.wait()
        run.close()
        summary = run.summary()
        assert summary is not None
        assert not summary.failed, summary.failed
        busiest = max(summary.devices, key=lambda device: device.busy_seconds)
        return summary.residues / (busiest.busy_seconds + (busiest.idle_seconds or 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--model", default="untrained:esm2_t6_8M_UR50D")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    start_helper()
    rates: dict[str, list[float]] = {"one": [], "many": []}
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name), options.files)
        for _ in range(options.rounds):
            for which, measured in rates.items():
                measured.append(rate(Path(name) / which, options.model, options.workers))
    one, many = median(rates["one"]), median(rates["many"])
    print(f"one file                {one:>10,.0f} residues/s")
    print(f"{options.files:,} files of 1 to 5   {many:>10,.0f} residues/s  {many / one:.1%}")


if __name__ == "__main__":
    main()
