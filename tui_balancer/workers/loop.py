"""The worker's life after its start: load the model, take tasks until there are none.

Imports torch; only `workers.entry` imports this module, in the worker's own process.
"""

from __future__ import annotations

import logging
import threading
import time

import torch

from tui_balancer.devices.discovery import describe
from tui_balancer.devices.monitoring import open_monitor
from tui_balancer.embedding.batching import MARKERS, plan_batches
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.flops import forward_flops
from tui_balancer.inputs.fasta import FastaContent, read_fasta
from tui_balancer.inputs.records import ProteinRecord
from tui_balancer.outputs import virnucpro
from tui_balancer.outputs.provenance import provenance
from tui_balancer.workers.busy import BusyClock
from tui_balancer.workers.failures import FileFailure, blaming_the_file
from tui_balancer.workers.protocol import (
    DeviceFacts,
    FileResult,
    FileTask,
    Order,
    Task,
    TaskProgress,
    TaskResult,
    WorkerSetup,
)
from tui_balancer.workers.queues import WorkQueue, connect
from tui_balancer.workers.telemetry import report_telemetry

_log = logging.getLogger(__name__)


def run_worker(setup: WorkerSetup, started: float) -> None:
    """Load the model onto the device, then embed task after task until the run is over.

    Args:
        setup: All that the worker is given.
        started: `time.monotonic()` at the worker's first line.
    """
    _log.info("loading %s onto %s", setup.model.label, setup.worker.device)
    if setup.worker.device.startswith("cuda"):
        # Whatever asks for the current device must not open a context on another card.
        torch.cuda.set_device(setup.worker.device)
    embedder = load_embedder(setup.model, setup.worker.device, setup.threads, setup.settings)
    device = describe(setup.worker.device)
    queue = connect(setup.address, setup.authkey, setup.worker)
    load_seconds = time.monotonic() - started
    _log.info("ready on %s after %.1f s", device.name, load_seconds)
    queue.hello(
        DeviceFacts(device.name, device.memory_total, load_seconds, embedder.sha256, setup.threads)
    )
    busy = BusyClock()
    over = threading.Event()
    telemetry = threading.Thread(
        target=report_telemetry,
        args=(queue, open_monitor(device, setup.threads), busy, over),
        name="telemetry",
        daemon=True,
    )
    telemetry.start()
    TaskLoop(setup, queue, embedder, busy).run()
    over.set()
    telemetry.join()
    _log.info("the run is over")


class _Abandoned(Exception):
    """The app took the task back."""


class TaskLoop:
    """Takes tasks, embeds their files, and obeys the orders that answer its progress."""

    def __init__(
        self, setup: WorkerSetup, queue: WorkQueue, embedder: Embedder, busy: BusyClock
    ) -> None:
        self._setup = setup
        self._queue = queue
        self._embedder = embedder
        self._busy = busy

    def run(self) -> None:
        """Work until the queue says that the run is over."""
        while (task := self._queue.take()) is not None:
            try:
                result = self._embed_task(task)
            except _Abandoned:
                _log.info("unit %d epoch %d was taken back", task.unit_id, task.epoch)
                for file in task.files:
                    file.temporary.unlink(missing_ok=True)
            else:
                self._queue.finish(result)

    def _embed_task(self, task: Task) -> TaskResult:
        """Embed the files of a task, one after the other."""
        _log.info("unit %d epoch %d: %s", task.unit_id, task.epoch, task.files[0].source)
        busy_before = self._busy.seconds()
        progress = TaskProgress(task.unit_id, task.epoch, sequences=0, residues=0, cost=0.0)
        results = []
        for file in task.files:
            try:
                result, progress = self._embed_file(task, file, progress)
            except FileFailure as failure:
                _log.warning("%s: %s", file.source, failure, exc_info=failure.__cause__)
                file.temporary.unlink(missing_ok=True)
                result = FileResult(file.file_id, error=str(failure))
            results.append(result)
        return TaskResult(
            task.unit_id, task.epoch, tuple(results), self._busy.seconds() - busy_before
        )

    def _embed_file(
        self, task: Task, file: FileTask, progress: TaskProgress
    ) -> tuple[FileResult, TaskProgress]:
        """Read a file, embed it batch by batch, and write its output beside its final place.

        The batches follow from the file and the settings alone, so the output's bytes do too.
        """
        content = self._read(file)
        records = content.records
        with blaming_the_file("embed it"):
            vectors = torch.empty(len(records), self._embedder.shape.width)
        lengths = [len(record.residues) for record in records]
        batches = plan_batches(lengths, self._setup.settings.batch_tokens)
        for batch in batches:
            members = [records[index] for index in batch]
            with blaming_the_file("embed it"), self._busy.running():
                vectors[list(batch)] = self._embedder.embed([one.residues for one in members])
            progress = self._advanced(progress, members)
            self._report(progress, last=batch is batches[-1] and file is task.files[-1])
        return self._write(file, content, vectors), progress

    def _read(self, file: FileTask) -> FastaContent:
        """Read a file that must still be what the scan saw."""
        with blaming_the_file("read it"):
            content = read_fasta(file.source, self._setup.reading)
        if content.sha256 != file.source_sha256:
            raise FileFailure("it changed since the scan")
        return content

    def _advanced(self, progress: TaskProgress, batch: list[ProteinRecord]) -> TaskProgress:
        """Return the progress with one more batch."""
        lengths = [len(record.residues) for record in batch]
        shape = self._embedder.shape
        return TaskProgress(
            progress.unit_id,
            progress.epoch,
            progress.sequences + len(batch),
            progress.residues + sum(lengths),
            progress.cost + sum(forward_flops(shape, length + MARKERS) for length in lengths),
        )

    def _report(self, progress: TaskProgress, *, last: bool) -> None:
        """Report a batch; wait out a pause; stop when the task was taken back.

        After the task's last batch there is nothing to hold but the result, so a pause waits
        until it is handed in.
        """
        order = self._queue.progress(progress)
        if order is Order.PAUSE and not last:
            order = self._queue.wait_while_paused()
        if order is Order.ABANDON:
            raise _Abandoned

    def _write(self, file: FileTask, content: FastaContent, vectors: torch.Tensor) -> FileResult:
        """Write and sync a file's vectors; the app puts them in place."""
        records = content.records
        truncated = [record.id for record in records if record.truncated]
        replaced = sum(record.replaced for record in records)
        settings, model = self._setup.settings, self._setup.model
        metadata = provenance(
            model=model.label,
            untrained=model.untrained,
            weights_sha256=self._embedder.sha256,
            layer=self._embedder.layer,
            max_length=settings.max_length,
            batch_tokens=settings.batch_tokens,
            cpu_threads=self._setup.threads,
            torch_version=torch.__version__,
            input_name=file.source.name,
            input_sha256=content.sha256,
            sequences=len(records),
            truncated_ids=truncated,
            replaced=replaced,
            skipped=content.skipped,
        )
        with blaming_the_file("write its output"):
            written = virnucpro.write(
                file.temporary, [record.id for record in records], vectors, metadata
            )
        return FileResult(
            file.file_id,
            output_sha256=written.sha256,
            output_bytes=written.bytes,
            sequences=len(records),
            truncated=len(truncated),
            replaced=replaced,
            skipped=content.skipped,
        )
