"""A shard of a file, kept until all of the file's shards are there. Imports no torch.

A zip archive without packing: `rows`, the rows one behind the other as float32, and `records.json`
with the entries, those left out, and the metadata. Its ids are not those of the file's outputs yet,
see `inputs.ids.numbered`. Streams, but for the entries.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from tui_balancer.outputs.content import Content, Entry, Row, reading
from tui_balancer.outputs.npz import zip_member
from tui_balancer.outputs.provenance import MetadataValue
from tui_balancer.outputs.sealing import Written, measure
from tui_balancer.representations import Representations

_FLOAT = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class StoredShard:
    """A shard that was written; see `content.Content`.

    Attributes:
        path: Where it is.
        entries: Its sequences.
        left_out: Those without a row.
        metadata: As of an output.
    """

    path: Path
    entries: tuple[Entry, ...]
    left_out: tuple[Entry, ...]
    metadata: Mapping[str, MetadataValue]

    def rows(self, kept: Representations) -> Iterator[Row]:
        """Yield the row of each entry.

        Args:
            kept: What is in a row.

        Raises:
            UserError: It is damaged.
        """
        with reading(self.path), zipfile.ZipFile(self.path) as archive, archive.open("rows") as all:
            for entry in self.entries:
                size = kept.numbers(entry.used_length) * _FLOAT.itemsize
                data = all.read(size)
                if len(data) < size:
                    raise ValueError("its rows end too early")
                yield np.frombuffer(data, _FLOAT)
            # Only a member that was read to its end is checked.
            if all.read(1):
                raise ValueError("it has more rows than entries")


def write(path: Path, content: Content) -> Written:
    """Write a shard; see `formats.Writer`."""
    records = {
        "entries": [astuple(entry) for entry in content.entries],
        "left_out": [astuple(entry) for entry in content.left_out],
        "metadata": dict(content.metadata),
    }
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open(zip_member("rows"), "w", force_zip64=True) as rows:
            for _, row in content.rows():
                rows.write(np.ascontiguousarray(row, _FLOAT).tobytes())
        with archive.open(zip_member("records.json"), "w", force_zip64=True) as words:
            words.write(json.dumps(records).encode())
    return measure(path)


def read_shard(path: Path) -> StoredShard:
    """Open a shard; its rows are read as they are asked for.

    Raises:
        UserError: It cannot be read, or is none.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        records = json.loads(archive.read("records.json"))
        entries, left_out = (
            tuple(Entry(*values) for values in records[name]) for name in ("entries", "left_out")
        )
        return StoredShard(path, entries, left_out, records["metadata"])
