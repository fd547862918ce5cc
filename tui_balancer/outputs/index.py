"""The index of an output: what is known of each sequence, as a table for people and programs.

Columns, between tabs: `id`, `header`, `file` (the input), `length` (residues in it),
`used_length`, `truncated`, `replaced` (residues read as unknown), `checksum`, the SHA-256 of the
vector's float32 numbers in little-endian order, whichever format has them; where more is kept of
a sequence, of all of it, in the order of `Representations`; and `reason`. Sequences that were left
out have lines at the end, without a checksum, and `reason` says why; else it says under which id a
sequence stands in its input, if that occurs several times there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tui_balancer.outputs.content import Content, Entry, Row, reading
from tui_balancer.outputs.sealing import MeasuredFile, Written
from tui_balancer.outputs.tsv import read_rows, row_of

COLUMNS = (
    *("id", "header", "file", "length", "used_length", "truncated", "replaced"),
    *("checksum", "reason"),
)


def write(path: Path, content: Content) -> Written:
    """Write a line a sequence; see `formats.Writer`. Streams."""
    source = content.metadata.get("input_name", "")

    def line(one: Entry, found: str) -> bytes:
        truncated = "true" if one.truncated else "false"
        lengths = (one.length, one.used_length, truncated, one.replaced)
        values = (one.id, one.header, one.source or source, *lengths, found, one.reason)
        return row_of(values).encode()

    with MeasuredFile(path) as file:
        file.write(row_of(COLUMNS).encode())
        for one, vector in content.rows():
            file.write(line(one, checksum(vector)))
        for one in content.left_out:
            file.write(line(one, ""))
    return file.written


def read_index(path: Path) -> Iterator[tuple[Entry, str]]:
    """Yield each sequence and its vector's checksum, which is empty for one that was left out.

    Raises:
        UserError: It cannot be read, or is no index.
    """
    with reading(path), path.open(encoding="utf-8", newline="") as file:
        for row in read_rows(file):
            length, used, replaced = (
                int(row[name]) for name in ("length", "used_length", "replaced")
            )
            numbers = (length, used, replaced, row["file"], row["reason"])
            yield Entry(row["id"], row["header"], *numbers), row["checksum"]


def checksum(vector: Row) -> str:
    """Return the SHA-256 of a row's numbers."""
    return hashlib.sha256(np.ascontiguousarray(vector, "<f4").data).hexdigest()
