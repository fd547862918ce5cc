"""Messages between worker and app, as frozen values over the shared queues.

A worker has tasks and directives and never sees the coordinator. The app's side of each
call is `WorkerApi`, served by `workers.wire.queues`; the run implements it.

Of what there is one a file are Structs, which are pickled in a fraction of a dataclass's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from tui_balancer.failures import FailureCause
from tui_balancer.inputs.segments import Stretch
from tui_balancer.leases import Directive, Progress, Share, Spans
from tui_balancer.outputs.formats import Format
from tui_balancer.outputs.sealing import Written
from tui_balancer.samples import Telemetry


@dataclass(frozen=True, slots=True)
class WorkerId:
    """One worker process: a device, and the number of its process, from 1.

    A worker that was declared dead has an old incarnation: all its later calls are refused.
    """

    device: str
    incarnation: int


class OutputTask(Struct, frozen=True):
    """One output of a file: its format, and the absolute path to write and sync first.

    That is `NAME.EPOCH.tmp`, in the folder of the output.
    """

    format: Format
    temporary: Path


class FileTask(Struct, frozen=True):
    """One FASTA file to turn into outputs, which the app puts in place.

    Attributes:
        file_id: Position in the run's manifest, from 0.
        source: Absolute path of the FASTA file.
        source_sha256: SHA-256 of the file, or of its stretch, at the scan; other bytes fail it.
        outputs: All outputs to write, the main one first; none of a file that is only read ahead.
        wanted: Whether to write its outputs. An unwanted file has its outputs already, and is
            read because its sequences share batches with others.
        stretch: Part of the file to read, for a shard; None for all of it.
        shards: Paths of the finished shards of a divided file, in order: nothing is left to read or
            compute. None for other files.
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
    """A lease from the worker's view.

    Attributes:
        epoch: The attempt.
        files: One file, or all files of a bundle in input order: their sequences share batches,
            so the batches depend only on the unit, not on which files are wanted.
        partial: Absolute path of the finished batches of this and earlier attempts, kept until the
            outputs are in place; the app removes it.
        spans: The initial batches of this worker, `first <= number < end`, for a unit that it
            shares with others; None for all.
        model: The place of its model in the run.
        plan: Which plan says what it shares with others, see `dereplication.added_plan`.
    """

    unit_id: int
    epoch: int
    files: tuple[FileTask, ...]
    partial: Path
    spans: Spans | None = None
    model: int = 0
    plan: int = 0


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """Progress of a task, reported after every batch.

    Attributes:
        epoch: The attempt.
        done: The part that is done.
        computed: Whether all vectors are computed: the outputs are written next, while the worker
            may take and compute another task.
        batch: Number of the last embedded batch, which is kept; None without one.
    """

    unit_id: int
    epoch: int
    done: Progress
    computed: bool = False
    batch: int | None = None


class FileResult(Struct, frozen=True):
    """One finished file of a worker: written, synced, not yet in place.

    Attributes:
        file_id: Position in the run's manifest.
        error: Why there is no output, in one line; empty otherwise.
        cause: The error as an enum.
        disk_full: Whether the disk was full: not the file's fault; it is retried when there is
            space.
        written: Its outputs, in the task's order.
        sequences: Vectors written.
        truncated: Sequences cut at the maximum length.
        replaced: Residues read as unknown.
        skipped: Sequences left out because they were empty or too long.
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
    """A finished task; its batches were in flight for `compute_seconds`."""

    unit_id: int
    epoch: int
    files: tuple[FileResult, ...]
    compute_seconds: float


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A worker's facts once its model is on the device.

    Attributes:
        name: From `torch.cuda.get_device_name`; the processor's name for a CPU.
        memory_total: Bytes, or None where unknown.
        load_seconds: Seconds from the worker's first line until the model is ready.
        model_sha256: SHA-256 of the checkpoint file, or of the seeded parameters if untrained.
        threads: CPU threads the worker computes with.
        model: The place of the model in the run.
        model_seconds: Seconds that loading it took, without the start of the process.
    """

    name: str
    memory_total: int | None
    load_seconds: float
    model_sha256: str
    threads: int
    model: int = 0
    model_seconds: float = 0.0


class WorkerApi(Protocol):
    """The app's side, called from server threads; every method is thread-safe."""

    def hello(self, worker: WorkerId, facts: DeviceFacts) -> None:
        """A model is ready: the worker's first one, or the one of its newest task."""

    def take_nowait(self, worker: WorkerId) -> Task | None:
        """Lease and return the next task in one step.

        Returns None when the run is over and the worker should exit.

        Raises:
            queue.Empty: There is no task for this worker now.
        """

    def peek(self, worker: WorkerId) -> Task | None:
        """The task that `take_nowait` will return next if nothing changes; or None.

        Nothing is leased: the task can still be stolen or moved. Its epoch is 0.
        """

    def wait_for_work(self, worker: WorkerId, timeout: float) -> None:
        """Wait until `take_nowait` may answer differently, at most `timeout` seconds."""

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Directive:
        """Record a task's progress; the answer applies at the next batch boundary."""

    def planned(self, worker: WorkerId, unit_id: int, epoch: int, costs: Sequence[float]) -> None:
        """Record the FLOPs of a unit's batches by number, 0 for finished ones."""

    def share(self, worker: WorkerId, unit_id: int, epoch: int) -> Share | None:
        """The worker's current share of a unit; None if the task was withdrawn."""

    def part_done(
        self, worker: WorkerId, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        """Return the directive after all batches of a share are reported."""

    def wait_while_paused(self, worker: WorkerId, timeout: float) -> Directive:
        """Wait until a paused worker may continue or must stop, at most `timeout` seconds."""

    def finish(self, worker: WorkerId, result: TaskResult) -> None:
        """Put the outputs in place and record the files as done; a stale epoch is dropped."""

    def telemetry(self, worker: WorkerId, telemetry: Telemetry) -> None:
        """Record the current state of the device."""
