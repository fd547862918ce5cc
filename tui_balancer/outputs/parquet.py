"""Parquet, a row a sequence: `id`, `header`, `length`, `used_length`, `replaced`, `embedding`.

    table = pyarrow.parquet.read_table(path)
    table["embedding"]  # lists of float32, all of the same length

Where more than one vector is kept of a sequence there is a column for each, `mean_33`, `bos_33`,
`per_tok_33` (a list of vectors) and `contacts` (a list of the map's L rows). The schema's metadata
has the provenance as JSON, under `tui_balancer`. A file of several inputs has a column `source`.
Streams: a row group is in memory at a time, of 512 sequences or 16 MiB. Needs pyarrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tui_balancer.outputs.content import (
    BLOCK_ROWS,
    Content,
    Entry,
    Row,
    Stored,
    as_row,
    kept_in,
    reading,
)
from tui_balancer.outputs.sealing import Written, measure
from tui_balancer.representations import Part, Representations

_METADATA = b"tui_balancer"

_GROUP_ROWS = 512
_GROUP_BYTES = 16 << 20

_ENTRY_FIELDS = (
    ("id", pa.string()),
    ("header", pa.string()),
    ("length", pa.int32()),
    ("used_length", pa.int32()),
    ("replaced", pa.int32()),
)


def write(path: Path, content: Content) -> Written:
    """Write a row a sequence; see `formats.Writer`."""
    columns = _columns(content.kept)
    fields = list(_ENTRY_FIELDS)
    if "input_name" not in content.metadata:
        # Of several inputs.
        fields.insert(2, ("source", pa.string()))
    schema = pa.schema(
        [*fields, *((name, _type(part)) for name, part in columns.items())],
        metadata={_METADATA: json.dumps(dict(content.metadata))},
    )
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False) as file:
        for group in _groups(content):
            entries = [entry for entry, _ in group]
            arrays = [
                *([getattr(one, name) for one in entries] for name, _ in fields),
                *(
                    _array(part, [parts[part.name] for _, parts in group])
                    for part in columns.values()
                ),
            ]
            file.write_table(pa.table(arrays, schema=schema))
    return measure(path)


def read(path: Path) -> Stored:
    """Open an output; see `formats.Reader`."""
    with reading(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        metadata = json.loads((schema.metadata or {}).get(_METADATA, b"{}"))
        columns = list(_columns(kept_in(metadata, 0)))
        kept = kept_in(metadata, _width(schema.field(columns[0]).type))
        ids = file.read(columns=["id"])["id"].to_pylist()

    def vectors() -> Iterator[Row]:
        with reading(path), pq.ParquetFile(path) as file:
            rows = BLOCK_ROWS if kept.fixed else 1
            for batch in file.iter_batches(rows, columns=columns):
                for row in range(len(batch)):
                    yield as_row(_numbers(batch.column(name)[row]) for name in columns)

    return Stored(ids, kept, vectors, metadata)


def _columns(kept: Representations) -> Mapping[str, Part]:
    """Return the columns of a sequence's parts, in the order of a row."""
    parts = kept.parts(0)
    return {"embedding" if kept.plain else part.name: part for part in parts}


def _type(part: Part) -> Any:
    nested = pa.float32()
    for axis, size in reversed(list(zip(part.kind.axes, part.shape, strict=True))):
        nested = pa.list_(nested, size) if axis == "width" else pa.list_(nested)
    return nested


def _width(kind: Any) -> int:
    """Return how many numbers a layer's state has, as a column of it tells; 0 for contacts."""
    while not pa.types.is_fixed_size_list(kind):
        if not pa.types.is_list(kind):
            return 0
        kind = kind.value_type
    return int(kind.list_size)


def _array(part: Part, values: list[Row]) -> Any:
    """Return one part of several sequences as a column."""
    nested = pa.array(np.concatenate([one.reshape(-1) for one in values]))
    for depth, axis in reversed(list(enumerate(part.kind.axes))):
        if axis == "width":
            nested = pa.FixedSizeListArray.from_arrays(nested, part.shape[depth])
        else:
            sizes = [one.shape[depth] for one in values]
            lengths = np.repeat(sizes, [prod(one.shape[:depth]) for one in values])
            bounds = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
            nested = pa.ListArray.from_arrays(bounds, nested)
    return nested


def _numbers(scalar: Any) -> Row:
    """Return the numbers of a nested list."""
    values = scalar.values
    while not pa.types.is_float32(values.type):
        values = values.flatten()
    numbers: Row = values.to_numpy()
    return numbers


def _groups(content: Content) -> Iterator[list[tuple[Entry, dict[str, Row]]]]:
    """Yield the sequences in groups that memory holds."""
    group: list[tuple[Entry, dict[str, Row]]] = []
    size = 0
    for entry, parts in content.parts():
        group.append((entry, parts))
        size += sum(one.nbytes for one in parts.values())
        if len(group) == _GROUP_ROWS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
