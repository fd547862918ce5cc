"""The content of an output, independent of its format. Imports no torch."""

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
"""All kept values of a sequence in one flat array; see `Representations`."""

Block = npt.NDArray[np.float32]
"""Rows of one size, of shape (n, numbers)."""

BLOCK_ROWS = 1024
"""Number of fixed-size rows that readers keep in memory."""


EMPTY = "empty"
TOO_LONG = "longer than --max-length"
"""Why a sequence was left out, as text for the index."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The metadata of a sequence.

    Attributes:
        id: Unique in its output.
        header: Its line in the FASTA file, without the `>`.
        length: Residues in the input.
        used_length: Embedded residues; 0 for a sequence that was left out.
        replaced: Residues that were read as unknown.
        source: Its input, in an output of several inputs.
        reason: Why it was left out or renamed, as text; otherwise empty.
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
    """The content of an output.

    Entries and rows can be iterated repeatedly, so that a writer keeps only one in memory. The
    entries of one input are in memory, those of a whole run are not.

    Attributes:
        entries: The N sequences; can be iterated repeatedly.
        kept: Content of their rows.
        vectors: Yields the row of each entry, float32, in order.
        metadata: Metadata from `workers.task.metadata`; less in files of other programs.
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
        """Yield each entry with its parts, in their shapes, by `Part.name`."""
        for entry, row in self.rows():
            parts = self.kept.parts(entry.used_length)
            yield entry, {one.name: row[one.numbers].reshape(one.shape) for one in parts}

    def column(self, part: Part) -> Iterator[Row]:
        """Yield one part of every entry; its size must be fixed."""
        return (row[part.numbers] for _, row in self.rows())


@dataclass(frozen=True, slots=True)
class Stored:
    """The content of a read file: ids instead of entries, otherwise like `Content`."""

    ids: Sequence[str]
    kept: Representations
    vectors: Callable[[], Iterable[Row]]
    metadata: Mapping[str, MetadataValue]


def renamed(record_id: str) -> str:
    """Return why a sequence was renamed, as text for the index."""
    return f"renamed: {record_id} repeated"


def kept_in(metadata: Mapping[str, Any], width: int) -> Representations:
    """Return the kept parts of an output from its metadata; one mean per sequence by default.

    Args:
        metadata: Stored metadata; anything for files of other programs.
        width: Width of a layer's states.
    """
    if "include" not in metadata:
        layer = metadata.get("layer", 0)
        return Representations.mean(layer if isinstance(layer, int) else 0, width)
    return Representations.named(tuple(metadata["layers"]), metadata["include"], width)


def as_row(parts: Iterable[npt.NDArray[np.generic]]) -> Row:
    """Return the parts of a sequence, in the order of `Representations.parts`, as one row."""
    found: Row = np.concatenate([np.ravel(one).astype(np.float32, copy=False) for one in parts])
    return found


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any error with a user's file in the block into a one-line `UserError`.

    Raises:
        UserError: It is unreadable, or not what its name says.
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
