"""Tasks of small FASTA files for workers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tui_balancer.outputs.formats import FORMATS
from tui_balancer.workers.task.read_ahead import read_files
from tui_balancer.workers.task.task import WorkerContext, embed
from tui_balancer.workers.task.write_behind import write_outputs
from tui_balancer.workers.wire.protocol import FileTask, OutputTask, Task, TaskResult

_RESIDUES = "MKVLAAGIVGLLLAQWERTYHPNDSFC" * 2


def write_file(folder: Path, number: int, sequences: int = 6) -> FileTask:
    """Write a FASTA file of distinct sequences of 10 to 26 residues, the longest not first."""
    source = folder / f"file_{number}.fasta"
    lengths = [10 + (7 * index + number) % 17 for index in range(sequences)]
    source.write_text(
        "".join(f">p{i}\n{_RESIDUES[i : i + length]}\n" for i, length in enumerate(lengths))
    )
    return FileTask(
        file_id=number,
        source=source,
        source_sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
        outputs=(OutputTask(FORMATS["virnucpro"], folder / "out" / f"file_{number}_ESM.pt.1.tmp"),),
    )


def write_task(folder: Path, number: int, sequences: int = 6) -> Task:
    """Return a task of one new file, of the same number."""
    return task_of(number, write_file(folder, number, sequences))


def task_of(unit_id: int, *files: FileTask, epoch: int = 1) -> Task:
    """Return a task of some files, as the app would make it."""
    partial = files[0].outputs[0].temporary.parent / f"file_{files[0].file_id}_ESM.pt.partial"
    return Task(unit_id, epoch, files, partial)


def run_task(bench: WorkerContext, task: Task) -> TaskResult:
    """Read, embed and write a task, one after the other."""
    files = read_files(task.files, bench.setup.reading)
    return write_outputs(embed(bench, task, files))
