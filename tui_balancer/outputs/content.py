"""What goes into an output, whatever its format, and what comes out of one. Imports no torch."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import numpy.typing as npt

from tui_balancer.errors import UserError
from tui_balancer.outputs.provenance import MetadataValue

Block = npt.NDArray[np.float32]
"""Vectors one after the other: of shape (n, width)."""

BLOCK_ROWS = 1024
"""How many vectors readers hold at a time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence beside its vector.

    Attributes:
        id: Distinct in its output.
        header: Its line in the FASTA file, without the `>`.
        length: Residues in the input.
        used_length: Residues that were embedded.
        replaced: Of the residues, those read as X.
    """

    id: str
    header: str
    length: int
    used_length: int
    replaced: int = 0

    @property
    def truncated(self) -> bool:
        """Whether residues were cut off."""
        return self.used_length < self.length


@dataclass(frozen=True, slots=True)
class Content:
    """All of an output.

    The entries are in memory, some hundred bytes each; the vectors come in blocks, as often as
    they are asked for, so that a writer need not hold more than one block.

    Attributes:
        entries: The sequences, N of them.
        width: Numbers in a vector.
        blocks: Returns the vectors of all entries in their order, float32, in blocks of any size.
        metadata: What `provenance.provenance` returns; less in files of others.
    """

    entries: Sequence[Entry]
    width: int
    blocks: Callable[[], Iterable[Block]]
    metadata: Mapping[str, MetadataValue]

    @classmethod
    def of(
        cls, entries: Sequence[Entry], matrix: Block, metadata: Mapping[str, MetadataValue]
    ) -> Content:
        """Return the content whose vectors are in memory.

        Args:
            entries: N of them.
            matrix: float32, of shape (N, width), a row an entry.
            metadata: See `Content`.
        """
        if matrix.dtype != np.float32 or matrix.ndim != 2 or len(matrix) != len(entries):
            raise ValueError(f"{len(entries)} ids, but vectors {matrix.dtype} {matrix.shape}")
        return cls(entries, matrix.shape[1], lambda: (matrix,), metadata)

    def counted_blocks(self) -> Iterator[Block]:
        """Yield the vectors in blocks, as many as there are entries.

        Raises:
            ValueError: There are more, or fewer.
        """
        missing = len(self.entries)
        for block in self.blocks():
            missing -= len(block)
            if missing < 0:
                break
            yield block
        if missing:
            raise ValueError(f"{len(self.entries)} ids, but {len(self.entries) - missing} vectors")

    def rows(self) -> Iterator[tuple[Entry, Block]]:
        """Yield each entry with its vector, of shape (width,)."""
        return zip(self.entries, chain.from_iterable(self.blocks()), strict=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a reader found in a file: the ids instead of the entries, otherwise as `Content`."""

    ids: Sequence[str]
    width: int
    blocks: Callable[[], Iterable[Block]]
    metadata: Mapping[str, MetadataValue]


def gathered(vectors: Iterable[Block]) -> Iterator[Block]:
    """Yield single vectors, each of shape (width,), as blocks of `BLOCK_ROWS`."""
    waiting: list[Block] = []
    for vector in vectors:
        waiting.append(vector)
        if len(waiting) == BLOCK_ROWS:
            yield np.stack(waiting)
            waiting.clear()
    if waiting:
        yield np.stack(waiting)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with somebody's file in the block into one line.

    Raises:
        UserError: It cannot be read, or is not what its name says.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"there is no {path}: check the path") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (
        *(ArithmeticError, AttributeError, EOFError, LookupError, RuntimeError, TypeError),
        *(ValueError, UnpicklingError, csv.Error, zipfile.BadZipFile),
    ) as error:
        words = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is broken, or not what its name says: {words}") from error
