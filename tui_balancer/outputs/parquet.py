"""Parquet, a row a sequence: `id`, `header`, `length`, `used_length`, `replaced`, `embedding`.

    table = pyarrow.parquet.read_table(path)
    table["embedding"]  # lists of float32, all of the same length

The schema's metadata has the provenance as JSON, under `tui_balancer`. Streams: a row group of
512 sequences is in memory at a time. Needs pyarrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tui_balancer.outputs.content import BLOCK_ROWS, Block, Content, Stored, reading
from tui_balancer.outputs.sealing import Written, seal

_METADATA = b"tui_balancer"

_GROUP_ROWS = 512


def write(path: Path, content: Content) -> Written:
    """Write a row a sequence; see `formats.Writer`."""
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("header", pa.string()),
            ("length", pa.int32()),
            ("used_length", pa.int32()),
            ("replaced", pa.int32()),
            ("embedding", pa.list_(pa.float32(), content.width)),
        ],
        metadata={_METADATA: json.dumps(dict(content.metadata))},
    )
    rows = content.rows()
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False) as file:
        while group := list(islice(rows, _GROUP_ROWS)):
            entries = [entry for entry, _ in group]
            matrix = np.stack([vector for _, vector in group])
            columns = [
                *([getattr(one, field.name) for one in entries] for field in list(schema)[:-1]),
                pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), content.width),
            ]
            file.write_table(pa.table(columns, schema=schema))
    return seal(path)


def read(path: Path) -> Stored:
    """Open an output; see `formats.Reader`."""
    with reading(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        ids = file.read(columns=["id"])["id"].to_pylist()
        width = int(schema.field("embedding").type.list_size)
        metadata = json.loads((schema.metadata or {}).get(_METADATA, b"{}"))

    def blocks() -> Iterator[Block]:
        with reading(path), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BLOCK_ROWS, columns=["embedding"]):
                values = batch.column(0).flatten().to_numpy()
                yield values.astype(np.float32, copy=False).reshape(-1, width)

    return Stored(ids, width, blocks, metadata)
