"""One task embedded: its files read, run through the model batch by batch, and written."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from tui_balancer.embedding.batching import MARKERS
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.flops import forward_flops
from tui_balancer.inputs.fasta import FastaContent, read_fasta
from tui_balancer.inputs.records import ProteinRecord
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.outputs import virnucpro
from tui_balancer.outputs.partials import PartialResult
from tui_balancer.outputs.provenance import MetadataValue, provenance
from tui_balancer.workers.busy import BusyClock
from tui_balancer.workers.failures import DiskFull, FileFailure, blaming_the_file
from tui_balancer.workers.protocol import (
    FileResult,
    FileTask,
    Order,
    Task,
    TaskProgress,
    TaskResult,
    WorkerSetup,
)
from tui_balancer.workers.queues import WorkQueue
from tui_balancer.workers.sparing import embed_sparingly
from tui_balancer.workers.vectors import FileVectors

_log = logging.getLogger(__name__)


class Abandoned(Exception):
    """The app took the task back."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker works with, from its first task to its last.

    Attributes:
        setup: What it was given.
        queue: Where tasks come from and results go.
        embedder: The model on its device.
        busy: Runs while a batch is in flight.
    """

    setup: WorkerSetup
    queue: WorkQueue
    embedder: Embedder
    busy: BusyClock


class TaskRun:
    """A task on its way from being taken to its result."""

    def __init__(self, bench: Bench, task: Task) -> None:
        self._bench = bench
        self._task = task
        self._progress = TaskProgress(task.unit_id, task.epoch, 0, 0, 0.0)

    def embed(self) -> TaskResult:
        """Embed the files, one after the other; one that fails does not hold up the others.

        Raises:
            Abandoned: The app took the task back.
        """
        busy_before = self._bench.busy.seconds()
        results = tuple(self._result(file) for file in self._task.files)
        compute_seconds = self._bench.busy.seconds() - busy_before
        return TaskResult(self._task.unit_id, self._task.epoch, results, compute_seconds)

    def discard(self) -> None:
        """Remove what was written."""
        for file in self._task.files:
            _discard(file.temporary)

    def _result(self, file: FileTask) -> FileResult:
        """Embed a file, or say in one line why that cannot be done."""
        name = terminal_safe(str(file.source))
        _log.info("unit %d epoch %d: %s", self._task.unit_id, self._task.epoch, name)
        try:
            content = self._read(file)
            return self._write(file, content, self._embed(file, content))
        except FileFailure as failure:
            _log.warning("%s: %s", name, failure, exc_info=failure.__cause__)
            _discard(file.temporary)
            full = isinstance(failure, DiskFull)
            return FileResult(file.file_id, error=str(failure), disk_full=full)

    def _read(self, file: FileTask) -> FastaContent:
        """Read a file that must still be what the scan saw."""
        with blaming_the_file("read it"):
            content = read_fasta(file.source, self._bench.setup.reading)
        if content.sha256 != file.source_sha256:
            raise FileFailure("it changed since the scan")
        return content

    def _embed(self, file: FileTask, content: FastaContent) -> FileVectors:
        """Return a file's vectors, computing those that no earlier attempt has kept."""
        embedder, settings = self._bench.embedder, self._bench.setup.settings
        origin = {**self._provenance(file, content), "settings": asdict(settings)}
        with blaming_the_file("embed it"):
            vectors = FileVectors(
                content.records,
                embedder.shape.width,
                settings.batch_tokens,
                PartialResult(file.partial, origin),
            )
        if restored := vectors.restore():
            _log.info("%d of its sequences were embedded before", len(restored))
            self._advance(restored, restored=True)
            self._report(last=False)
        missing = vectors.missing
        for number in missing:
            batch = vectors.batch(number)
            with blaming_the_file("embed it"), self._bench.busy.running():
                embedded = embed_sparingly(embedder.embed, [record.residues for record in batch])
            vectors.add(number, embedded)
            self._advance(batch)
            self._report(last=number == missing[-1] and file is self._task.files[-1])
        return vectors

    def _advance(self, records: Sequence[ProteinRecord], *, restored: bool = False) -> None:
        """Count so many more records as embedded, now or by an earlier attempt."""
        shape = self._bench.embedder.shape
        done = self._progress
        lengths = [len(record.residues) for record in records]
        self._progress = TaskProgress(
            done.unit_id,
            done.epoch,
            done.sequences + len(lengths),
            done.residues + sum(lengths),
            done.cost + sum(forward_flops(shape, length + MARKERS) for length in lengths),
            restored,
        )

    def _report(self, *, last: bool) -> None:
        """Report a batch; wait out a pause; stop when the task was taken back.

        After the task's last batch there is nothing to hold but the result, so a pause waits
        until it is handed in.
        """
        order = self._bench.queue.progress(self._progress)
        if order is Order.PAUSE and not last:
            order = self._bench.queue.wait_while_paused()
        if order is Order.ABANDON:
            raise Abandoned

    def _write(self, file: FileTask, content: FastaContent, vectors: FileVectors) -> FileResult:
        """Write and sync a file's vectors; the app puts them in place."""
        ids, rows = vectors.content()
        failed = vectors.failed_ids
        if failed and not ids:
            raise FileFailure("not enough memory for any of its sequences, not even one at a time")
        if failed:
            _log.warning("not enough memory for %s", terminal_safe(" ".join(failed)))
        metadata = self._provenance(
            file, content, failed_ids=failed, split_batches=vectors.split_batches
        )
        with blaming_the_file("write its output"):
            file.temporary.parent.mkdir(parents=True, exist_ok=True)
            written = virnucpro.write(file.temporary, ids, rows, metadata)
        return FileResult(
            file.file_id,
            output_sha256=written.sha256,
            output_bytes=written.bytes,
            sequences=len(ids),
            truncated=sum(record.truncated for record in content.records),
            replaced=sum(record.replaced for record in content.records),
            skipped=content.skipped,
            failed_ids=tuple(failed),
        )

    def _provenance(
        self,
        file: FileTask,
        content: FastaContent,
        failed_ids: Sequence[str] = (),
        split_batches: int = 0,
    ) -> dict[str, MetadataValue]:
        """Return the metadata of a file's output."""
        setup, embedder = self._bench.setup, self._bench.embedder
        return provenance(
            model=setup.model.label,
            untrained=setup.model.untrained,
            weights_sha256=embedder.sha256,
            layer=embedder.layer,
            max_length=setup.settings.max_length,
            batch_tokens=setup.settings.batch_tokens,
            cpu_threads=setup.threads,
            torch_version=str(torch.__version__),
            input_name=file.source.name,
            input_sha256=content.sha256,
            sequences=len(content.records) - len(failed_ids),
            truncated_ids=[record.id for record in content.records if record.truncated],
            replaced=sum(record.replaced for record in content.records),
            skipped=content.skipped,
            precision=setup.settings.precision,
            forward=setup.settings.forward,
            failed_ids=failed_ids,
            split_batches=split_batches,
        )


def _discard(temporary: Path) -> None:
    """Remove an unfinished output, as far as that goes: the app sweeps up after all workers."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
