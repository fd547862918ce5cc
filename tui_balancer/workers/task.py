"""One task embedded: the files of its unit run through the model batch by batch."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, chain, pairwise

import torch

from tui_balancer.embedding.batching import MARKERS
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.flops import forward_flops
from tui_balancer.inputs.records import ProteinRecord
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.outputs.partials import PartialResult
from tui_balancer.outputs.provenance import MetadataValue, provenance
from tui_balancer.workers.busy import BusyClock
from tui_balancer.workers.failures import FileFailure, blaming_the_file
from tui_balancer.workers.protocol import Order, Task, TaskProgress, WorkerSetup
from tui_balancer.workers.queues import WorkQueue
from tui_balancer.workers.reading import ReadFile
from tui_balancer.workers.sparing import EmbeddedBatch, embed_sparingly
from tui_balancer.workers.vectors import UnitVectors

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


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with its vectors, ready to be written.

    Attributes:
        read: What was in it.
        ids: Its sequences that have a vector, N of them.
        vectors: float32 on the CPU, of shape (N, width).
        metadata: Of its output.
        failed_ids: Its sequences that did not fit into memory even alone.
        failure: Why there is nothing to write; None when there is.
    """

    read: ReadFile
    ids: Sequence[str]
    vectors: torch.Tensor
    metadata: dict[str, MetadataValue]
    failed_ids: Sequence[str] = ()
    failure: FileFailure | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedTask:
    """A task whose files are to be written; `compute_seconds` its batches were in flight."""

    task: Task
    files: tuple[EmbeddedFile, ...]
    compute_seconds: float


class TaskRun:
    """A task on its way from being read to its vectors.

    The sequences of all its files go through the model in common batches. A file that fails
    does not hold up the others.
    """

    def __init__(self, bench: Bench, task: Task, files: Sequence[ReadFile]) -> None:
        self._bench = bench
        self._task = task
        self._files = files
        ends = accumulate((len(file.records) for file in files), initial=0)
        self._rows = [range(start, end) for start, end in pairwise(ends)]
        self._failures = {
            number: file.failure for number, file in enumerate(files) if file.failure is not None
        }
        self._progress = TaskProgress(task.unit_id, task.epoch, 0, 0, 0.0)

    def embed(self) -> EmbeddedTask:
        """Embed the files.

        Raises:
            Abandoned: The app took the task back.
        """
        name = terminal_safe(str(self._task.files[0].source))
        _log.info("unit %d epoch %d: %s", self._task.unit_id, self._task.epoch, name)
        busy_before = self._bench.busy.seconds()
        try:
            vectors = self._computed()
        except FileFailure as failure:
            self._failures.update((number, failure) for number in range(len(self._files)))
            vectors = None
        if not self._progress.computed:
            self._report(computed=True)
        return EmbeddedTask(
            self._task,
            tuple(
                self._embedded_file(number, vectors)
                for number, file in enumerate(self._task.files)
                if file.wanted
            ),
            self._bench.busy.seconds() - busy_before,
        )

    def _computed(self) -> UnitVectors:
        """Return the vectors, computing those that no earlier attempt has kept.

        Raises:
            FileFailure: None of the files can be embedded.
        """
        vectors = self._planned()
        if restored := vectors.restore():
            _log.info("%d of its sequences were embedded before", len(restored))
            self._advance(restored, restored=True)
            self._report(computed=not vectors.missing)
        while missing := vectors.missing:
            number = missing[0]
            vectors.add(number, self._embedded_batch(vectors, number))
            self._advance(vectors.wanted(number))
            for file in self._failures:
                vectors.give_up(self._rows[file])
            self._report(computed=not vectors.missing)
        return vectors

    def _planned(self) -> UnitVectors:
        settings, threads = self._bench.setup.settings, self._bench.setup.threads
        origin = {
            "files": [self._provenance(file) for file in self._files if file.content is not None],
            "settings": asdict(settings),
            "threads": threads,
        }
        unwanted = [
            row
            for rows, file in zip(self._rows, self._task.files, strict=True)
            if not file.wanted
            for row in rows
        ]
        with blaming_the_file("embed it"):
            return UnitVectors(
                list(chain.from_iterable(file.records for file in self._files)),
                self._bench.embedder.shape.width,
                settings.batch_tokens,
                PartialResult(self._task.partial, origin),
                unwanted,
            )

    def _embedded_batch(self, vectors: UnitVectors, number: int) -> EmbeddedBatch:
        """Embed a batch; where that fails, each file's share of it alone, to find the culprit."""
        sequences = [record.residues for record in vectors.batch(number)]
        shares = defaultdict[int, list[int]](list)
        for position, row in enumerate(vectors.rows(number)):
            shares[self._file_of(row)].append(position)
        try:
            return self._embedded(sequences)
        except FileFailure as failure:
            if len(shares) == 1:
                self._failures.update(dict.fromkeys(shares, failure))
                return _nothing(len(sequences))
        parts: dict[int, torch.Tensor] = {}
        for file, positions in shares.items():
            try:
                share = self._embedded([sequences[position] for position in positions])
            except FileFailure as failure:
                self._failures[file] = failure
            else:
                computed = [one for n, one in enumerate(positions) if n not in share.failed]
                parts.update(zip(computed, share.vectors, strict=True))
        failed = tuple(one for one in range(len(sequences)) if one not in parts)
        if not parts:
            return _nothing(len(sequences))
        return EmbeddedBatch(torch.stack([parts[one] for one in sorted(parts)]), failed, split=True)

    def _embedded(self, sequences: Sequence[str]) -> EmbeddedBatch:
        with blaming_the_file("embed it"), self._bench.busy.running():
            return embed_sparingly(self._bench.embedder.embed, sequences)

    def _file_of(self, row: int) -> int:
        return next(number for number, rows in enumerate(self._rows) if row in rows)

    def _advance(self, records: Sequence[ProteinRecord], *, restored: bool = False) -> None:
        """Count so many more records as embedded, now or by an earlier attempt."""
        shape = self._bench.embedder.shape
        done = self._progress
        lengths = [len(record.residues) for record in records]
        self._progress = replace(
            done,
            sequences=done.sequences + len(lengths),
            residues=done.residues + sum(lengths),
            cost=done.cost + sum(forward_flops(shape, length + MARKERS) for length in lengths),
            restored=restored,
        )

    def _report(self, *, computed: bool) -> None:
        """Report a batch; wait out a pause; stop when the task was taken back.

        When all is computed there is nothing to hold but the result, so a pause waits until
        it is handed in.
        """
        self._progress = replace(self._progress, computed=computed)
        order = self._bench.queue.progress(self._progress)
        if order is Order.PAUSE and not computed:
            order = self._bench.queue.wait_while_paused()
        if order is Order.ABANDON:
            raise Abandoned

    def _embedded_file(self, number: int, vectors: UnitVectors | None) -> EmbeddedFile:
        """Return a file as it is to be written, or why it is not."""
        read, rows = self._files[number], self._rows[number]
        failure = self._failures.get(number)
        if failure is not None or vectors is None:
            return EmbeddedFile(read, (), torch.empty(0, 0), {}, failure=failure)
        ids, found = vectors.content(rows)
        failed = vectors.failed_ids(rows)
        if failed and not ids:
            failure = FileFailure(
                "not enough memory for any of its sequences, not even one at a time"
            )
        metadata = self._provenance(read, failed, vectors.split_batches(rows))
        return EmbeddedFile(read, ids, found, metadata, failed, failure)

    def _provenance(
        self, read: ReadFile, failed_ids: Sequence[str] = (), split_batches: int = 0
    ) -> dict[str, MetadataValue]:
        """Return the metadata of a file's output."""
        setup, embedder = self._bench.setup, self._bench.embedder
        content = read.content
        assert content is not None, "only what could be read has an output"
        return provenance(
            model=setup.model.label,
            untrained=setup.model.untrained,
            weights_sha256=embedder.sha256,
            layer=embedder.layer,
            max_length=setup.settings.max_length,
            batch_tokens=setup.settings.batch_tokens,
            cpu_threads=setup.threads,
            torch_version=str(torch.__version__),
            input_name=read.task.source.name,
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


def _nothing(sequences: int) -> EmbeddedBatch:
    """Return a batch of which every sequence failed."""
    return EmbeddedBatch(torch.empty(0, 0), tuple(range(sequences)))
