"""The files of a task during embedding: their records, failures and results."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain, pairwise

from tui_balancer.embedding.embedder import Embedder
from tui_balancer.inputs.records import ProteinRecord
from tui_balancer.workers.task.failures import FileFailure, NoMemory
from tui_balancer.workers.task.metadata import file_provenance
from tui_balancer.workers.task.read_ahead import ReadFile
from tui_balancer.workers.task.results import EmbeddedFile
from tui_balancer.workers.vectors.vectors import UnitVectors
from tui_balancer.workers.wire.config import WorkerSetup


class TaskFiles:
    """A task's files, with their records numbered consecutively.

    A failed file does not affect the others.

    Attributes:
        read: Each file as read.
    """

    def __init__(self, read: Sequence[ReadFile]) -> None:
        self.read = read
        self._ends = list(accumulate((len(file.records) for file in read), initial=0))
        self._records = [range(start, end) for start, end in pairwise(self._ends)]
        self._failures = {
            number: file.failure for number, file in enumerate(read) if file.failure is not None
        }

    @property
    def records(self) -> list[ProteinRecord]:
        """Records of all files."""
        return list(chain.from_iterable(file.records for file in self.read))

    @property
    def unwanted(self) -> list[int]:
        """Records of files whose outputs are not needed."""
        return [
            record
            for file, records in zip(self.read, self._records, strict=True)
            if not file.task.wanted
            for record in records
        ]

    @property
    def segments(self) -> tuple[int, ...]:
        """Start of each segment among the records of a large file, which is in no bundle."""
        return self.read[0].segments if len(self.read) == 1 else ()

    @property
    def all_failed(self) -> bool:
        """Whether no file needs embedding any more."""
        return len(self._failures) == len(self.read)

    @property
    def failed_records(self) -> list[int]:
        """Records of failed files."""
        return [record for file in self._failures for record in self._records[file]]

    def fail(self, failures: Mapping[int, FileFailure]) -> None:
        """Fail files, each with its reason."""
        self._failures.update(failures)

    def fail_all(self, failure: FileFailure) -> None:
        """Fail all files for one reason."""
        self._failures.update(dict.fromkeys(range(len(self.read)), failure))

    def with_any(self, records: Iterable[int]) -> frozenset[int]:
        """Return the files with any of these records."""
        return frozenset(bisect_right(self._ends, record) - 1 for record in records)

    def embedded(
        self, vectors: UnitVectors | None, setup: WorkerSetup, embedder: Embedder
    ) -> tuple[EmbeddedFile, ...]:
        """Return the wanted files ready to write, or with the reason of their failure.

        Args:
            vectors: Vectors of the records; None if all files have failed.
            embedder: The model on its device.
        """
        return tuple(
            self._embedded(number, vectors, setup, embedder)
            for number, file in enumerate(self.read)
            if file.task.wanted
        )

    def _embedded(
        self, number: int, vectors: UnitVectors | None, setup: WorkerSetup, embedder: Embedder
    ) -> EmbeddedFile:
        read, records = self.read[number], self._records[number]
        failure = self._failures.get(number)
        if failure is not None or vectors is None:
            return EmbeddedFile(read, embedder.kept, (), tuple, {}, failure)
        ids, found = vectors.content(records)
        failed = vectors.failed_ids(records)
        if failed and not ids and read.task.stretch is None:
            failure = NoMemory()
        split = vectors.split_batches(records)
        stored = vectors.from_store(records)
        metadata = file_provenance(setup, embedder, read, failed, split, stored)
        return EmbeddedFile(read, embedder.kept, ids, found, metadata, failure)
