"""What goes into an output, whatever its format, and what comes out of one. Imports no torch."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt

from tui_balancer.errors import UserError, one_line
from tui_balancer.outputs.provenance import MetadataValue
from tui_balancer.representations import Part, Representations

Row = npt.NDArray[np.float32]
"""All that is kept of a sequence, one number after the other; see `Representations`."""

Block = npt.NDArray[np.float32]
"""Rows of one size, one after the other: of shape (n, numbers)."""

BLOCK_ROWS = 1024
"""How many rows of a fixed size readers hold at a time."""


EMPTY = "empty"
TOO_LONG = "longer than --max-length"
"""Why a sequence was left out, as the index says it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence beside its vector.

    Attributes:
        id: Distinct in its output.
        header: Its line in the FASTA file, without the `>`.
        length: Residues in the input.
        used_length: Residues that were embedded; 0 of one that was left out.
        replaced: Of the residues, those read as X.
        source: Its input, in an output that has those of several.
        reason: Why it was left out or has another id than in its input, in words; else empty.
    """

    id: str
    header: str
    length: int
    used_length: int
    replaced: int = 0
    source: str = ""
    reason: str = ""

    @property
    def truncated(self) -> bool:
        """Whether residues were cut off."""
        return 0 < self.used_length < self.length


@dataclass(frozen=True, slots=True)
class Content:
    """All of an output.

    Entries and rows come one by one, as often as they are asked for, so that a writer need not
    hold more than one. The entries of one input are in memory, those of a whole run are not.

    Attributes:
        entries: The sequences, N of them, as often as they are asked for.
        kept: What is in their rows.
        vectors: Yields the row of each entry, float32, in their order.
        metadata: What `workers.task.metadata` says of a file; less in files of others.
        left_out: Sequences that are empty or too long and have no row; only the index names them.
    """

    entries: Collection[Entry]
    kept: Representations
    vectors: Callable[[], Iterable[Row]]
    metadata: Mapping[str, MetadataValue]
    left_out: Collection[Entry] = ()

    def rows(self) -> Iterator[tuple[Entry, Row]]:
        """Yield each entry with its row.

        Raises:
            ValueError: There are more rows than entries, or fewer, or one has another size.
        """
        for entry, row in zip(self.entries, self.vectors(), strict=True):
            if len(row) != self.kept.numbers(entry.used_length):
                raise ValueError(f"{entry.id} has {len(row)} numbers")
            yield entry, row

    def parts(self) -> Iterator[tuple[Entry, dict[str, Row]]]:
        """Yield each entry with what is kept of it, in its shape, by `Part.name`."""
        for entry, row in self.rows():
            parts = self.kept.parts(entry.used_length)
            yield entry, {one.name: row[one.numbers].reshape(one.shape) for one in parts}

    def column(self, part: Part) -> Iterator[Row]:
        """Yield one part of every entry; its size must be fixed."""
        return (row[part.numbers] for _, row in self.rows())


@dataclass(frozen=True, slots=True)
class Stored:
    """What a reader found in a file: the ids instead of the entries, otherwise as `Content`."""

    ids: Sequence[str]
    kept: Representations
    vectors: Callable[[], Iterable[Row]]
    metadata: Mapping[str, MetadataValue]


def renamed(record_id: str) -> str:
    """Return why a sequence has another id than in its input, as the index says it."""
    return f"renamed: {record_id} repeated"


def kept_in(metadata: Mapping[str, Any], width: int) -> Representations:
    """Return what an output keeps, by its metadata; one mean a sequence where they say nothing.

    Args:
        metadata: As they were stored; of files of others, anything.
        width: Of a layer's states.
    """
    if "include" not in metadata:
        layer = metadata.get("layer", 0)
        return Representations.mean(layer if isinstance(layer, int) else 0, width)
    return Representations.named(tuple(metadata["layers"]), metadata["include"], width)


def as_row(parts: Iterable[npt.NDArray[np.generic]]) -> Row:
    """Return what is kept of a sequence, in the order of `Representations.parts`, as one row."""
    found: Row = np.concatenate([np.ravel(one).astype(np.float32, copy=False) for one in parts])
    return found


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
        words = one_line(error)[:200]
        raise UserError(f"{path} is broken, or not what its name says: {words}") from error
