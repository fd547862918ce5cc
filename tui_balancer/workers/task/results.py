"""Embedded files on the way from vectors to outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tui_balancer.inputs.records import ProteinRecord
from tui_balancer.outputs.content import EMPTY, TOO_LONG, Content, Entry, Row, renamed
from tui_balancer.outputs.provenance import MetadataValue
from tui_balancer.representations import Representations
from tui_balancer.workers.task.failures import FileFailure
from tui_balancer.workers.task.read_ahead import ReadFile
from tui_balancer.workers.wire.protocol import FileTask, Task


class Writable(Protocol):
    """A file that can be written."""

    @property
    def task(self) -> FileTask:
        """Its task."""

    def content(self) -> Content:
        """Return the content of its outputs.

        Raises:
            FileFailure: There is nothing to write.
        """


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with its vectors.

    Attributes:
        read: Its records.
        kept: What is kept of a sequence.
        ids: Its N embedded sequences.
        vectors: Yields the row of each; may be called several times.
        metadata: Metadata of its output.
        failure: Why there is nothing to write; None otherwise.
    """

    read: ReadFile
    kept: Representations
    ids: Sequence[str]
    vectors: Callable[[], Iterable[Row]]
    metadata: dict[str, MetadataValue]
    failure: FileFailure | None = None

    @property
    def task(self) -> FileTask:
        """See `Writable`."""
        return self.read.task

    def content(self) -> Content:
        """See `Writable`."""
        if self.failure is not None:
            raise self.failure
        read = self.read.content
        assert read is not None, "only what could be read is embedded"
        there = set(self.ids)
        entries = [_entry(record) for record in read.records if record.id in there]
        left_out = [_entry(record) for record in read.left_out]
        return Content(entries, self.kept, self.vectors, self.metadata, left_out)


@dataclass(frozen=True, slots=True)
class EmbeddedTask:
    """A task with files to write; its batches were in flight for `compute_seconds`.

    Attributes:
        keep: Stores its vectors for later runs; raises nothing. None if there are none.
    """

    task: Task
    files: tuple[Writable, ...]
    compute_seconds: float
    keep: Callable[[], None] | None = None


def _entry(record: ProteinRecord) -> Entry:
    used_length = len(record.residues)
    reason = renamed(record.repeats) if record.repeats else ""
    if not used_length:
        reason = TOO_LONG if record.length else EMPTY
    lengths = (record.length, used_length, record.replaced)
    return Entry(record.id, record.header, *lengths, reason=reason)
