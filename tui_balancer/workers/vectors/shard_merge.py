"""Joins the shards of a file into its outputs, as if computed in one piece.

No device is needed. Only the entries are in memory; rows are read shard by shard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from tui_balancer.inputs.ids import distinct, numbered, taken_apart
from tui_balancer.outputs.content import Content, Entry, Row, renamed
from tui_balancer.outputs.provenance import joined_provenance
from tui_balancer.outputs.shard import StoredShard, read_shard
from tui_balancer.representations import Representations
from tui_balancer.workers.task.failures import NoMemory, blaming_the_file
from tui_balancer.workers.wire.protocol import FileTask


@dataclass(frozen=True, slots=True)
class DividedFile:
    """A file with all of its shards.

    Attributes:
        kept: What is kept of a sequence.
    """

    task: FileTask
    kept: Representations

    def content(self) -> Content:
        """See `results.Writable`."""
        with blaming_the_file("join its shards"):
            shards = [read_shard(path) for path in self.task.shards]
        metadata = [shard.metadata for shard in shards]
        names = _names(shards)
        entries = [_named(one, names) for shard in shards for one in shard.entries]
        left_out = [_named(one, names) for shard in shards for one in shard.left_out]
        if not entries:
            raise NoMemory

        def rows() -> Iterator[Row]:
            return chain.from_iterable(shard.rows(self.kept) for shard in shards)

        whole = joined_provenance(metadata, self.task.source_sha256, names)
        return Content(entries, self.kept, rows, whole, left_out)


def _names(shards: Sequence[StoredShard]) -> dict[str, str]:
    """Return the ids of the sequences of a file's shards in its outputs.

    Failed and skipped sequences have ids too: an id is unique in the whole file.
    """
    labels: list[tuple[int, str, bool]] = []
    for shard in shards:
        failed = shard.metadata["failed_ids"]
        assert isinstance(failed, list), "ids are a list"
        entries = (*shard.entries, *shard.left_out)
        labels += ((*taken_apart(one.id), one.length == 0) for one in entries)
        labels += ((*taken_apart(str(one)), False) for one in failed)
    labels.sort()
    ids = distinct([record_id for _, record_id, _ in labels], [empty for *_, empty in labels])
    return {
        numbered(place, record_id): name
        for (place, record_id, _), name in zip(labels, ids, strict=True)
    }


def _named(entry: Entry, names: Mapping[str, str]) -> Entry:
    name, (_, record_id) = names[entry.id], taken_apart(entry.id)
    reason = entry.reason or (renamed(record_id) if name != record_id else "")
    return replace(entry, id=name, reason=reason)
