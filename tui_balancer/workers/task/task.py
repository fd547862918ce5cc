"""Embeds one task: runs the files of its unit through the model batch by batch."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from tui_balancer.embedding.embedder import Embedder
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.leases import Directive, Progress, without_head
from tui_balancer.outputs.partials import PartialResult, part_path
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.task.failures import FileFailure, blaming_the_file
from tui_balancer.workers.task.fault_isolation import embed_or_blame
from tui_balancer.workers.task.metadata import origin
from tui_balancer.workers.task.oom import EmbeddedBatch
from tui_balancer.workers.task.prefetch import Prefetch
from tui_balancer.workers.task.read_ahead import ReadFile
from tui_balancer.workers.task.results import EmbeddedTask
from tui_balancer.workers.task.task_files import TaskFiles
from tui_balancer.workers.vectors.shard_merge import DividedFile
from tui_balancer.workers.vectors.shared_blocks import shared_blocks
from tui_balancer.workers.vectors.stored import stored_vectors
from tui_balancer.workers.vectors.vectors import UnitVectors
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import Task, TaskProgress
from tui_balancer.workers.wire.queues import WorkQueue

_log = logging.getLogger(__name__)

_IN_FLIGHT = 2
"""Batches in flight at once: one computed, one that follows without a gap."""


class Abandoned(Exception):
    """The app withdrew the task."""


@dataclass(slots=True)
class WorkerContext:
    """The context of a worker for all its tasks.

    Attributes:
        setup: Its setup, with the model that is on its device.
        queue: Source of tasks and sink of results.
        embedder: That model.
        busy: Sums the busy time of the device.
        flight: Batches submitted ahead of time.
        load_seconds: Seconds from the worker's first line until its first model was ready.
    """

    setup: WorkerSetup
    queue: WorkQueue
    embedder: Embedder
    busy: BusyClock
    flight: Prefetch
    load_seconds: float = 0.0


class TaskRun:
    """A task between reading and vectors.

    The sequences of all its files share batches.
    """

    def __init__(
        self,
        bench: WorkerContext,
        task: Task,
        files: Sequence[ReadFile],
        following: Callable[[], Sequence[Sequence[str]]] = tuple,
    ) -> None:
        """Take a task with its files, and a source of the batches that follow it."""
        self._bench = bench
        self._following = following
        self._task = task
        self._files = TaskFiles(files)
        self._spans = task.spans
        self._busy_before = bench.busy.seconds()
        self._done = Progress(0, 0, 0.0)
        self._is_computed = False
        self._stored_counted = False

    def embed(self) -> EmbeddedTask:
        """Embed the files.

        Raises:
            Abandoned: The app withdrew the task, or other workers finish it.
        """
        name = terminal_safe(str(self._task.files[0].source))
        _log.info("unit %d epoch %d: %s", self._task.unit_id, self._task.epoch, name)
        try:
            vectors = self._computed()
        except FileFailure as failure:
            self._files.fail_all(failure)
            vectors = None
        if not self._is_computed:
            self._report(vectors, computed=True)
        files = self._files.embedded(vectors, self._bench.setup, self._bench.embedder)
        keep = vectors.keep_for_others if vectors is not None else None
        return EmbeddedTask(self._task, files, self._compute_seconds, keep)

    @property
    def _compute_seconds(self) -> float:
        return self._bench.busy.seconds() - self._busy_before

    def _computed(self) -> UnitVectors:
        """Return the vectors, after computing those that are not kept and not with other workers.

        Raises:
            FileFailure: None of the files can be embedded.
            Abandoned: See `embed`.
        """
        vectors = self._planned()
        if self._spans is None:
            self._count_stored(vectors)
            self._take_over(vectors, self._task.epoch - 1)
            if len(vectors) > 1 and not vectors.complete:
                self._bench.queue.planned(self._task, self._costs(vectors))
        while not self._files.all_failed:
            number = self._next(vectors)
            if number is None:
                if self._spans is None:
                    break
                order = self._bench.queue.part_done(self._task, self._compute_seconds)
                self._obey(order, vectors)
                continue
            upcoming = list(islice(vectors.upcoming(self._spans), _IN_FLIGHT))
            if self._spans is not None:
                self._spans = without_head(self._spans, number)
            self._bench.flight.have(
                *(vectors.texts(one) for one in upcoming),
                *self._following()[: _IN_FLIGHT - len(upcoming)],
            )
            computed = self._embedded_batch(vectors, number)
            with blaming_the_file("keep what is computed"):
                vectors.add(number, computed)
            # Blocks that other units leave are not in the estimate of this unit's cost.
            self._advance(vectors, number, restored=self._is_anothers(vectors, number))
            vectors.give_up(self._files.failed_records)
            self._report(vectors, computed=self._all_there(vectors), batch=number)
        return vectors

    def _next(self, vectors: UnitVectors) -> int | None:
        """Return the next batch to embed; load blocks that others have computed meanwhile."""
        while (number := next(vectors.upcoming(self._spans), None)) is not None:
            if vectors.fetch(number):
                self._advance(vectors, number, restored=True)
                self._report(vectors, computed=self._all_there(vectors), batch=number)
            elif self._spans is not None or not vectors.is_claimed(number):
                return number
        return None

    def _is_anothers(self, vectors: UnitVectors, number: int) -> bool:
        return vectors.plan.owner(number) not in (None, self._task.unit_id)

    def _all_there(self, vectors: UnitVectors) -> bool:
        return self._spans is None and vectors.complete

    def _take_over(self, vectors: UnitVectors, newest: int) -> None:
        """Load the batches that earlier attempts have kept."""
        partial, epoch = self._task.partial, self._task.epoch
        paths = [part_path(partial, other) for other in range(1, newest + 1) if other != epoch]
        if self._task.spans is not None:
            paths.append(partial)
        if restored := vectors.restore(PartialResult(path, self._origin()) for path in paths):
            before = self._done.sequences
            for number in restored:
                self._advance(vectors, number, restored=True)
            there = self._done.sequences - before
            _log.info("%d of its sequences were embedded before", there)
            self._report(vectors, computed=self._all_there(vectors))

    def _count_stored(self, vectors: UnitVectors) -> None:
        """Count the sequences from the store once; they are not in the estimate of the cost."""
        if self._stored_counted or not (records := vectors.stored_records()):
            return
        self._stored_counted = True
        done, residues = self._done, sum(len(record.residues) for record in records)
        self._done = Progress(
            done.sequences + len(records), done.residues + residues, done.cost, True
        )
        _log.info("%d of its sequences are in the store", len(records))
        self._report(vectors, computed=self._all_there(vectors))

    def _costs(self, vectors: UnitVectors) -> array[float]:
        """Return the FLOPs of each batch; 0 for those that are done or not needed."""
        costs = array("d", bytes(8 * len(vectors)))
        for number in vectors.missing:
            costs[number] = self._cost(vectors, number)
        return costs

    def _cost(self, vectors: UnitVectors, number: int) -> float:
        shape = self._bench.embedder.shape
        return sum(shape.sequence_flops(len(text)) for text in vectors.costly(number))

    def _planned(self) -> UnitVectors:
        task, setup, embedder = self._task, self._bench.setup, self._bench.embedder
        # A file of kept batches has one writer, even if its worker is believed dead.
        alone = task.spans is None and embedder.kept.fixed
        partial = task.partial if alone else part_path(task.partial, task.epoch)
        with blaming_the_file("embed it"):
            return UnitVectors(
                self._files.records,
                embedder.kept,
                setup.reading,
                setup.settings.batch_tokens,
                PartialResult(partial, self._origin()),
                dereplicate=setup.settings.dereplicate,
                shared=shared_blocks(setup, embedder.sha256, task.plan),
                stored=stored_vectors(setup),
                unwanted=self._files.unwanted,
                segments=self._files.segments,
            )

    def _origin(self) -> dict[str, object]:
        return origin(self._bench.setup, self._bench.embedder, self._files.read)

    def _embedded_batch(self, vectors: UnitVectors, number: int) -> EmbeddedBatch:
        """Embed a batch; files with sequences that cannot be embedded fail."""
        users = [self._files.with_any(vectors.plan.users(row)) for row in vectors.rows(number)]
        batch, failures = embed_or_blame(
            self._bench.flight.embed, vectors.texts(number), users, self._bench.embedder.kept
        )
        self._files.fail(failures)
        return batch

    def _advance(self, vectors: UnitVectors, number: int, *, restored: bool = False) -> None:
        """Count a batch as embedded, here or by another worker."""
        done, records = self._done, vectors.wanted(number)
        cost = 0.0 if self._is_anothers(vectors, number) else self._cost(vectors, number)
        self._done = Progress(
            done.sequences + len(records),
            done.residues + sum(len(record.residues) for record in records),
            done.cost + cost,
            restored,
        )

    def _report(
        self, vectors: UnitVectors | None, *, computed: bool, batch: int | None = None
    ) -> None:
        """Report a batch; wait during a pause; stop if the task was withdrawn.

        When all is computed, a pause starts only after the result is returned.
        """
        self._is_computed = computed
        lease = (self._task.unit_id, self._task.epoch)
        order = self._bench.queue.progress(TaskProgress(*lease, self._done, computed, batch))
        if order is Directive.PAUSE and not computed:
            order = self._bench.queue.wait_while_paused()
        if order is Directive.ABANDON or not (computed or vectors is None):
            self._obey(order, vectors)

    def _obey(self, order: Directive, vectors: UnitVectors | None) -> None:
        """Follow the app's directive at a batch boundary."""
        if order is Directive.RELEASE:
            _log.info("its part is done, others continue")
        if order in (Directive.ABANDON, Directive.RELEASE):
            raise Abandoned
        if order is not Directive.RESHARE or vectors is None:
            return
        share = self._bench.queue.share(self._task)
        if share is None:
            raise Abandoned
        self._spans = share.spans
        if share.spans is None:
            self._count_stored(vectors)
            self._take_over(vectors, share.newest)


def embed(
    bench: WorkerContext,
    task: Task,
    files: Sequence[ReadFile],
    following: Callable[[], Sequence[Sequence[str]]] = tuple,
) -> EmbeddedTask:
    """Embed the rest of a task, before its outputs are written.

    Args:
        following: See `TaskRun`.

    Raises:
        Abandoned: See `TaskRun.embed`.
    """
    if not task.files[0].shards:
        return TaskRun(bench, task, files, following).embed()
    computed = TaskProgress(task.unit_id, task.epoch, Progress(0, 0, 0.0), computed=True)
    if bench.queue.progress(computed) is Directive.ABANDON:
        raise Abandoned
    kept = bench.embedder.kept
    return EmbeddedTask(task, tuple(DividedFile(file, kept) for file in task.files), 0.0)
