"""What worker and app say to each other, as frozen values over the shared queues.

A worker knows tasks and directives; it never sees the coordinator. The app's side of each
call is `WorkerApi`, served by `workers.wire.queues`; the run implements it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tui_balancer.failures import FailureCause
from tui_balancer.inputs.segments import Stretch
from tui_balancer.leases import Directive, Progress, Share, Spans
from tui_balancer.outputs.formats import Format
from tui_balancer.outputs.sealing import Written
from tui_balancer.samples import Telemetry


@dataclass(frozen=True, slots=True)
class WorkerId:
    """One worker process: a device, and how often a process was started for it, from 1.

    A worker that was declared dead has an old incarnation: whatever it still says is refused.
    """

    device: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class OutputTask:
    """One output of a file: its format, and the absolute path to write and sync first.

    That is `NAME.EPOCH.tmp`, in the folder of the output.
    """

    format: Format
    temporary: Path


@dataclass(frozen=True, slots=True)
class FileTask:
    """One FASTA file to turn into outputs, which the app puts in place.

    Attributes:
        file_id: Position in the run's manifest, from 0.
        source: Absolute path of the FASTA file.
        source_sha256: Of the file's bytes at the scan, or of its stretch; other bytes fail it.
        outputs: All that is to be written, at least one, the first one of them first.
        wanted: Whether its output is to be written. One that is not has its output already,
            and is read because its sequences share batches with the others'.
        stretch: What of the file is to be read, of a shard; None for all of it.
        shards: Where the shards of a divided file are, in order: they are there, and nothing is
            left to be read or computed. None of another file.
    """

    file_id: int
    source: Path
    source_sha256: str
    outputs: tuple[OutputTask, ...]
    wanted: bool = True
    stretch: Stretch | None = None
    shards: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A lease as the worker sees it.

    Attributes:
        unit_id: The unit.
        epoch: The attempt.
        files: One file, or all files of a bundle in input order: their sequences are embedded
            in common batches, so the batches follow from the unit, whatever of it is wanted.
        partial: Absolute path that keeps the finished batches of this and earlier attempts
            until the outputs are in place; the app removes it.
        spans: The batches that this worker begins with, `first <= number < end`, of a unit that
            it shares with others; None for all.
    """

    unit_id: int
    epoch: int
    files: tuple[FileTask, ...]
    partial: Path
    spans: Spans | None = None


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """How far a task has come, reported after every batch.

    Attributes:
        unit_id: The unit.
        epoch: The attempt.
        done: What is there of it.
        computed: Whether all vectors are there: the outputs are written next, beside the
            computing of another task, which the worker may take at once.
        batch: Number of the batch that was embedded last, and is kept; None if that was none.
    """

    unit_id: int
    epoch: int
    done: Progress
    computed: bool = False
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file as the worker finished it: written, synced, not yet in place.

    Attributes:
        file_id: Position in the run's manifest.
        error: Why there is no output, in one line; empty when there is one.
        cause: The error as code knows it.
        disk_full: Whether that is because there was no space: no fault of the file's, which
            is to be tried again when there is.
        written: Its outputs, in the order of the task's.
        sequences: Vectors written.
        truncated: Sequences cut at the maximum length.
        replaced: Residues read as X.
        skipped: Sequences left out, as empty or too long.
        failed_ids: Sequences left out because they did not fit into memory even alone.
    """

    file_id: int
    error: str = ""
    written: tuple[Written, ...] = ()
    sequences: int = 0
    truncated: int = 0
    replaced: int = 0
    skipped: int = 0
    disk_full: bool = False
    failed_ids: tuple[str, ...] = ()
    cause: FailureCause = FailureCause.NONE


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A finished task; `compute_seconds` is the time its batches were in flight."""

    unit_id: int
    epoch: int
    files: tuple[FileResult, ...]
    compute_seconds: float


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the worker found when its model was on the device.

    Attributes:
        name: As `torch.cuda.get_device_name` prints it; the processor's name for a CPU.
        memory_total: Bytes, or None where unknown.
        load_seconds: From the worker's first line to the model being ready.
        model_sha256: Of the checkpoint file, or of the seeded parameters when untrained.
        threads: CPU threads the worker computes with.
    """

    name: str
    memory_total: int | None
    load_seconds: float
    model_sha256: str
    threads: int


class WorkerApi(Protocol):
    """The app's side, called from server threads; every method is thread-safe."""

    def hello(self, worker: WorkerId, facts: DeviceFacts) -> None:
        """The worker's model is ready."""

    def take_nowait(self, worker: WorkerId) -> Task | None:
        """The next task, leased in this very step.

        Returns None when the run is over and the worker should leave.

        Raises:
            queue.Empty: There is nothing for this worker now.
        """

    def peek(self, worker: WorkerId) -> Task | None:
        """The task that `take_nowait` will return next if nothing happens before; or None.

        Nothing is leased: the task can still be stolen or moved. Its epoch is 0.
        """

    def wait_for_work(self, worker: WorkerId, timeout: float) -> None:
        """Return when `take_nowait` may answer differently, at the latest after `timeout` s."""

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Directive:
        """Note how far a task is; the answer holds at the next batch boundary."""

    def planned(self, worker: WorkerId, unit_id: int, epoch: int, costs: Sequence[float]) -> None:
        """Note the FLOPs of a unit's batches by their numbers, 0 for those that are there."""

    def share(self, worker: WorkerId, unit_id: int, epoch: int) -> Share | None:
        """What the worker has to do of a unit now; None when the task was taken back."""

    def part_done(
        self, worker: WorkerId, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        """Hear what to do when all batches of a share are reported; see `Directive`."""

    def wait_while_paused(self, worker: WorkerId, timeout: float) -> Directive:
        """Return when a paused worker may go on or must stop, at the latest after `timeout` s."""

    def finish(self, worker: WorkerId, result: TaskResult) -> None:
        """Put the outputs in place and note the files done; a stale epoch is dropped."""

    def telemetry(self, worker: WorkerId, telemetry: Telemetry) -> None:
        """Note what the device is like now."""
