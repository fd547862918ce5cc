"""Tiny files against the same sequences in one, or a few: `python -m tests.benchmarks.small_files`.

Whole runs of a session, by turns. The rate counts from the first batch to the last output, since
start-up would hide the difference. The processor time is that of the app and its workers, from the
search for inputs to the end; what of it is beyond the few files is the price of a tiny file. Next
to it stands what no program can save: the system's part of a tiny file's two outputs, which are
written, synced, linked to their names, and unlinked from the temporary ones.

ext4 takes up to 0.2 ms for a new file where a great many were deleted lately, as where tests run,
and 0.01 ms elsewhere: set TMPDIR to a fresh folder.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.sessions import on_cores
from tui_balancer.formatting import plural
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.workers.process.spawning import start_helper

OUTPUTS = ((".pt", 3000), (".tsv", 250))
"""Suffixes and bytes of what is written for a tiny file."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A run.

    Attributes:
        rate: Residues per second of the busiest device.
        processor_seconds: Of the app and its workers.
    """

    rate: float
    processor_seconds: float


def write_inputs(folder: Path, files: int, most: int, few: int, longest: int | None) -> None:
    """Write files of one sequence to `most`, and the same sequences in a few.

    Args:
        folder: Gets a folder `many` and a folder `few`.
        longest: Residues that are left of a sequence, at most; None for all.
    """
    dice = random.Random(0)
    counts = [dice.randint(1, most) for _ in range(files)]
    (source,) = write_synthetic(folder / "source", files=1, sequences=sum(counts), seed=0)
    records = [_cut(record, longest) for record in source.read_text().split(">")[1:]]
    (folder / "many").mkdir()
    (folder / "few").mkdir()
    for number in range(few):
        (folder / "few" / f"{number}.fasta").write_text("".join(records[number::few]))
    for number, count in enumerate(counts):
        taken, records = records[:count], records[count:]
        (folder / "many" / f"{number:05}.fasta").write_text("".join(taken))


def _cut(record: str, longest: int | None) -> str:
    header, *lines = record.splitlines()
    return f">{header}\n{''.join(lines)[:longest]}\n"


def processor_seconds() -> float:
    """Return the processor time of this process and its children that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def system_seconds(folder: Path, files: int) -> float:
    """Return the processor time of the system calls for the outputs of so many tiny files."""
    outputs = [
        (folder / f"{number}{suffix}", size) for number in range(files) for suffix, size in OUTPUTS
    ]
    before = processor_seconds()
    for path, size in outputs:
        descriptor = os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, bytes(size))
        os.close(descriptor)
    for path, _ in outputs:
        descriptor = os.open(f"{path}.tmp", os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    for path, _ in outputs:
        os.link(f"{path}.tmp", path)
        os.unlink(f"{path}.tmp")  # noqa: PTH108 - the call alone
    return processor_seconds() - before


def measure(inputs: Path, model: str, workers: int) -> Measured:
    """Return what a run of the inputs takes."""
    before = processor_seconds()
    with tempfile.TemporaryDirectory() as output:
        run = on_cores(inputs, model, Path(output) / "out", workers)
        run.start()
        run.wait()
        run.close()
        used = processor_seconds() - before
        summary = run.summary()
        assert summary is not None
        assert not summary.failed, summary.failed
        busiest = max(summary.devices, key=lambda device: device.busy_seconds)
        seconds = busiest.busy_seconds + (busiest.idle_seconds or 0.0)
        return Measured(summary.residues / seconds, used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--most", type=int, default=5, help="sequences in a tiny file")
    parser.add_argument("--few", type=int, default=1, help="files with the same sequences")
    parser.add_argument("--longest", type=int, help="residues of a sequence: 30 for peptides")
    parser.add_argument("--model", default="untrained:esm2_t6_8M_UR50D")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    start_helper()
    runs: dict[str, list[Measured]] = {"few": [], "many": []}
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name), options.files, options.most, options.few, options.longest)
        for _ in range(options.rounds):
            for which, measured in runs.items():
                measured.append(measure(Path(name) / which, options.model, options.workers))
        (Path(name) / "system").mkdir()
        system = system_seconds(Path(name) / "system", options.files)
    few, many = (median(one.rate for one in runs[which]) for which in ("few", "many"))
    pairs = zip(runs["few"], runs["many"], strict=True)
    beyond = [other.processor_seconds - one.processor_seconds for one, other in pairs]
    tiny = f"{options.files:,} files of 1 to {options.most}"
    print(f"{plural(options.few, 'file'):<24}{few:>10,.0f} residues/s")
    print(f"{tiny:<24}{many:>10,.0f} residues/s  {many / few:.1%}")
    each = ", ".join(f"{1e3 * one / options.files:.2f}" for one in beyond)
    price = 1e3 * median(beyond) / options.files
    limit = 1e3 * system / options.files
    print(f"processor time a tiny file: {price:.2f} ms ({each}); of system calls alone {limit:.2f}")


if __name__ == "__main__":
    main()
