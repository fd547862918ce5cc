"""A sample of a run's vectors, one of each sequence, read from its outputs in whatever format."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tui_balancer.errors import UserError
from tui_balancer.ledger.records import FileRow, FileState
from tui_balancer.outputs.content import Row, Stored, reading
from tui_balancer.outputs.formats import format_of, reader
from tui_balancer.representations import Part

MOST_VECTORS: Final = 5_000

_SEED: Final = b"tui-balancer: sample of vectors"


@dataclass(frozen=True, slots=True)
class VectorSample:
    """Vectors of n sequences, in the order of the inputs.

    Attributes:
        what: What the vectors are: `mean of layer 33`.
        vectors: float64, of shape (n, D), all finite.
        ids: Of the sequences, as in their outputs.
        files: Whose each is: numbers of `names`.
        names: Of the files that were read.
        counts: Sequences in each of them.
        problems: A line for each output that could not be read.
    """

    what: str
    vectors: NDArray[np.float64]
    ids: tuple[str, ...]
    files: tuple[int, ...]
    names: tuple[str, ...]
    counts: tuple[int, ...]
    problems: tuple[str, ...]


def sample_vectors(
    folder: Path,
    rows: Sequence[FileRow],
    most: int = MOST_VECTORS,
    on_file: Callable[[int, int], None] = lambda _done, _total: None,
) -> VectorSample:
    """Return vectors of at most so many sequences of a run.

    Which ones is a function of the files' names and the ids alone: the sequences with the least
    seeded hashes. Outputs are streamed: in memory are the sample, and what their reader holds.

    Args:
        folder: The run folder.
        rows: The run's files.
        most: Sequences.
        on_file: Called with the files that were read, and how many there are.

    Raises:
        UserError: There is nothing to draw from; the line says why.
    """
    done = [row for row in rows if row.state is FileState.DONE and not row.file.is_shard]
    if not done:
        raise UserError("no file is done yet")
    sample = _Sample(most)
    for number, row in enumerate(done, 1):
        try:
            sample.read(folder / row.file.output, row.file.name)
        except UserError as problem:
            sample.problems.append(f"{row.file.name}: {problem}")
        on_file(number, len(done))
    return sample.taken()


@dataclass(slots=True)
class _Sample:
    """The sequences with the least hashes so far."""

    most: int
    what: str = ""
    width: int = 0
    seen: int = 0
    # Of each its hash and place, both negative, for the greatest hash leaves first.
    heap: list[tuple[int, int, int, str, Row]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def read(self, path: Path, name: str) -> None:
        """Draw from an output.

        Raises:
            UserError: It cannot be read, or has other vectors than those before.
        """
        stored = reader(format_of(path)).read(path)
        part = _vector_part(stored)
        width = part.numbers.stop - part.numbers.start
        if self.what and (self.what, self.width) != (_words(part), width):
            raise UserError(f"{path} has other vectors than the outputs before")
        self.what, self.width = _words(part), width
        self.names.append(name)
        self.counts.append(len(stored.ids))
        with reading(path):
            for id, row in zip(stored.ids, stored.vectors(), strict=True):
                self.seen += 1
                rank = -_hash(name, id)
                if len(self.heap) < self.most or rank > self.heap[0][0]:
                    # A copy: a view would keep its output in memory.
                    one = (rank, -self.seen, len(self.names) - 1, id, row[part.numbers].copy())
                    push = heapq.heappush if len(self.heap) < self.most else heapq.heapreplace
                    push(self.heap, one)

    def taken(self) -> VectorSample:
        """Return what was drawn.

        Raises:
            UserError: Nothing was, or a number is not finite.
        """
        chosen = sorted(self.heap, key=lambda one: -one[1])
        if not chosen:
            raise UserError(self.problems[0] if self.problems else "the outputs are empty")
        vectors = np.array([row for *_, row in chosen], np.float64)
        if not np.isfinite(vectors).all():
            raise UserError("a vector has numbers that are not finite: run `tui-balancer verify`")
        return VectorSample(
            what=self.what,
            vectors=vectors,
            ids=tuple(id for *_, id, _ in chosen),
            files=tuple(file for _, _, file, _, _ in chosen),
            names=tuple(self.names),
            counts=tuple(self.counts),
            problems=tuple(self.problems),
        )


def _vector_part(stored: Stored) -> Part:
    """Return the part of a row that is drawn from: the last layer of the first kind of vector.

    Raises:
        UserError: The rows have none at a fixed place.
    """
    leading = list(takewhile(lambda part: part.kind.fixed, stored.kept.parts(0)))
    if not leading:
        kept = ", ".join(stored.kept.names)
        raise UserError(f"the run keeps no vector for each sequence, only {kept}")
    return [part for part in leading if part.kind is leading[0].kind][-1]


def _words(part: Part) -> str:
    return f"{part.kind.name} of layer {part.layer}"


def _hash(name: str, id: str) -> int:
    key = f"{name}\0{id}".encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8, key=_SEED).digest(), "big")
