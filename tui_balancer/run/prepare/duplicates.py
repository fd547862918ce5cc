"""Duplicate sequences of a run: found by the scan, planned, and subtracted from the costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from tui_balancer.alphabets import Alphabet
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.models import ModelShape
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.fasta import FastaStream
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.windows import pieces
from tui_balancer.ledger.records import FileRecord
from tui_balancer.outputs.dereplication import Block, discard_plan, write_plan
from tui_balancer.run_folder.manifest import stretch_of

_Integers = npt.NDArray[np.int64]


def dereplicated(
    files: Sequence[FileRecord],
    duplicate_index: DuplicateIndex,
    place: Path,
    shape: ModelShape,
    rules: ReadingRules,
    batch_tokens: int,
    first: int = 0,
) -> list[FileRecord]:
    """Return the files with the cost of first occurrences, and write the plan to its folder.

    Reads files again that have the first occurrence of a shared sequence. Needs about 50 bytes of
    memory per piece of the run, plus the residues that several units share.

    Args:
        files: The scanned files, numbered from 0; see `dividing.index_parts`.
        duplicate_index: Of their scan.
        place: Where the plan belongs, see `plan_folder`.
        shape: Shape of the model, for the costs.
        rules: How the files are read.
        batch_tokens: Maximum tokens of a batch.
        first: Number of the first file in the run's manifest.

    Raises:
        OSError: The plan cannot be written.
    """
    discard_plan(place)
    found = _Copies(duplicate_index, files, shape)
    if not found.is_free.any():
        return list(files)
    texts = _texts(files, found, rules)
    blocks = _blocks(texts, batch_tokens, shape.alphabet, first)
    write_plan(place, found.spared.copies, blocks, found.spared.stored)
    return found.costed(files, shape)


def without_copies(
    files: Sequence[FileRecord], duplicate_index: DuplicateIndex, shape: ModelShape
) -> tuple[list[FileRecord], Spared]:
    """Return the files with the cost of their first occurrences, and what need not be computed.

    Like `dereplicated`, without a run folder.
    """
    found = _Copies(duplicate_index, files, shape)
    return found.costed(files, shape), found.spared


@dataclass(frozen=True, slots=True)
class Spared:
    """Sequences that are not computed; windows of one count together.

    Attributes:
        copies: Those with the residues of an earlier one.
        stored: Those whose vectors are in the store.
    """

    copies: int = 0
    stored: int = 0

    def plus(self, other: Spared) -> Spared:
        """Return the sum."""
        return Spared(self.copies + other.copies, self.stored + other.stored)


class _Copies:
    """Identical pieces of a run, by position in its index.

    Attributes:
        is_free: Whether a piece occurred before or is in the store.
        is_shared: Whether a piece is the first occurrence, several units have it, and the store
            does not.
        spared: What need not be computed.
    """

    def __init__(
        self, duplicate_index: DuplicateIndex, files: Sequence[FileRecord], shape: ModelShape
    ) -> None:
        units = np.array([file.bundle for file in files])
        hashes = np.array(duplicate_index.hashes, np.int64)
        self._tokens = shape.alphabet.tokens(np.array(duplicate_index.lengths, np.int64))
        self._ends = np.array(duplicate_index.ends, np.int64)
        self._starts = np.concatenate([[0], self._ends[:-1]])
        self.file_of = np.repeat(np.arange(len(units)), self._ends - self._starts)
        # Stable: within a group of identical pieces, the first in input order comes first.
        order = np.argsort(hashes, kind="stable")
        begins = np.ones(len(order), np.bool_)
        begins[1:] = hashes[order][1:] != hashes[order][:-1]
        is_copy = np.zeros(len(order), np.bool_)
        is_copy[order[~begins]] = True
        self.is_shared = np.zeros(len(order), np.bool_)
        if len(order):
            unit_of = units[self.file_of][order]
            groups = np.flatnonzero(begins)
            several = np.minimum.reduceat(unit_of, groups) < np.maximum.reduceat(unit_of, groups)
            self.is_shared[order[groups[several]]] = True
        stored = np.zeros(len(order), np.bool_)
        if duplicate_index.known is not None:
            stored |= np.array(duplicate_index.stored, np.bool_)
        self.is_free = is_copy | stored
        self.is_shared &= ~stored
        begun = np.array(duplicate_index.firsts, np.bool_)
        self.spared = Spared(int((is_copy & ~stored & begun).sum()), int((stored & begun).sum()))

    def span(self, file: int) -> slice:
        """Return the positions of a file's pieces."""
        return slice(int(self._starts[file]), int(self._ends[file]))

    def costed(self, files: Sequence[FileRecord], shape: ModelShape) -> list[FileRecord]:
        """Return the files with the cost of their first occurrences."""
        if not self.is_free.any():
            return list(files)
        own = np.where(self.is_free, 0, self._tokens)
        tokens, squared = self._by_file(own), self._by_file(own**2)
        return [
            replace(
                file,
                # A file with only copies is still read and written.
                cost=max(
                    shape.flops(int(tokens[n]), int(squared[n])),
                    min(file.cost, shape.flops(1, 1)),
                ),
            )
            for n, file in enumerate(files)
        ]

    def _by_file(self, values: _Integers) -> _Integers:
        sums = np.concatenate([[0], np.cumsum(values)])
        added: _Integers = sums[self._ends] - sums[self._starts]
        return added


def _texts(
    files: Sequence[FileRecord], found: _Copies, rules: ReadingRules
) -> dict[tuple[int, int], list[str]]:
    """Return shared pieces, by bundle and unit of the file with the first occurrence."""
    texts: dict[tuple[int, int], list[str]] = {}
    for number in np.unique(found.file_of[found.is_shared]).tolist():
        shared = found.is_shared[found.span(number)]
        stream = FastaStream(Path(files[number].source), rules, stretch_of(files[number]))
        try:
            read = (piece for record in stream for piece in pieces(record.residues, rules))
            chosen = [piece for piece, wanted in zip(read, shared, strict=True) if wanted]
        except (InputError, OSError, ValueError):
            # The file changed since the scan: its worker will fail it.
            continue
        texts.setdefault((files[number].bundle, files[number].unit), []).extend(chosen)
    return texts


def _blocks(
    texts: dict[tuple[int, int], list[str]], batch_tokens: int, alphabet: Alphabet, first: int
) -> Iterator[Block]:
    """Yield shared pieces in batches, those of each unit together."""
    for (_, owner), own in sorted(texts.items()):
        for batch in plan_batches([len(text) for text in own], batch_tokens, alphabet):
            yield Block(first + owner, [own[row] for row in batch])
