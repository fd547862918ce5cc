"""Stores the rows of a unit until its outputs are written, in memory or on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from tui_balancer.embedding.kinds.modules import module_of
from tui_balancer.outputs.content import Row, as_row
from tui_balancer.representations import Representations

_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class PlacedBatch:
    """The rows of a batch.

    Attributes:
        rows: Numbers of the pieces; those of other units come last.
        sizes: Number of values in each row.
        vectors: All rows concatenated; float32, flat.
        file: File with the batch.
        place: Offset of its vectors in the file.
    """

    rows: Sequence[int]
    sizes: Sequence[int]
    vectors: torch.Tensor
    file: Path
    place: int


class RowStore(Protocol):
    """The rows of a unit's pieces, by piece number."""

    on_disk: bool
    """Whether rows are read from the partial result, so that it must be kept."""

    def put(self, batch: PlacedBatch) -> None:
        """Store the rows of a batch that belong to the unit."""

    def row(self, number: int) -> Row:
        """Return a stored row.

        Raises:
            OSError: It cannot be read.
        """


def rows_for(texts: Sequence[str], kept: Representations) -> RowStore:
    """Return a store: in memory for rows of a fixed size, on disk for others.

    Raises:
        MemoryError: The rows do not fit into memory.
    """
    if kept.fixed:
        return HeldRows(len(texts), kept.numbers(0))
    return DiskRows([kept.numbers(len(text)) for text in texts])


class HeldRows:
    """Rows of one size, in memory."""

    on_disk = False

    def __init__(self, count: int, numbers: int) -> None:
        self._rows = np.empty((count, numbers), np.float32)

    def put(self, batch: PlacedBatch) -> None:
        """See `RowStore.put`."""
        own = [position for position, row in enumerate(batch.rows) if row < len(self._rows)]
        if own:
            block = batch.vectors.view(len(batch.rows), -1).numpy()
            places = [batch.rows[position] for position in own]
            self._rows[places] = block if len(own) == len(block) else block[own]

    def row(self, number: int) -> Row:
        """See `RowStore.row`."""
        found: Row = self._rows[number]
        return found


class DiskRows:
    """Rows of any size, in the files of the batches; only their offsets are in memory."""

    on_disk = True

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = np.array(sizes, np.int64)
        self._places = np.zeros(len(sizes), np.int64)
        self._file_of = np.zeros(len(sizes), np.int32)
        self._files: list[Path] = []

    def put(self, batch: PlacedBatch) -> None:
        """See `RowStore.put`."""
        if not self._files or self._files[-1] != batch.file:
            self._files.append(batch.file)
        place = batch.place
        for row, size in zip(batch.rows, batch.sizes, strict=True):
            if row < len(self._places):
                self._places[row], self._file_of[row] = place, len(self._files) - 1
            place += size * _FLOAT_BYTES

    def row(self, number: int) -> Row:
        """See `RowStore.row`."""
        path, size = self._files[self._file_of[number]], int(self._sizes[number])
        found: Row = np.fromfile(path, np.float32, size, offset=int(self._places[number]))
        if len(found) < size:
            raise OSError(f"{path} was cut short")
        return found


def joined_row(
    kept: Representations, length: int, windows: Sequence[tuple[int, int]], rows: Sequence[Row]
) -> Row:
    """Return the row of a whole sequence, joined by each kind's `join`.

    Args:
        kept: Content of the rows; all kinds can be joined.
        length: Residues of the sequence.
        windows: As in `inputs.windows`.
        rows: Rows of each window.
    """
    pieces = [
        [row[part.numbers].reshape(part.shape) for part in kept.parts(end - start)]
        for (start, end), row in zip(windows, rows, strict=True)
    ]
    parts = zip(kept.parts(length), *pieces, strict=True)
    return as_row(module_of(part.kind).join(windows, values) for part, *values in parts)
