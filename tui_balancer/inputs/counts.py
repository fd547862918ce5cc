"""What files, or stretches of them, hold in numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import add, attrgetter

from tui_balancer.inputs.findings import Findings
from tui_balancer.inputs.segments import Stretch


@dataclass(frozen=True, slots=True)
class Counts:
    """What goes through the model; the sum of two is what both places hold.

    Attributes:
        sequences: Sequences that will be embedded.
        residues: Residues that will be embedded, after truncation.
        tokens: Sum over the sequences, or their windows, of their tokens.
        squared_tokens: Sum of the squares of the same.
        duplicates: Sequences whose id had occurred before in the same place.
    """

    sequences: int = 0
    residues: int = 0
    tokens: int = 0
    squared_tokens: int = 0
    duplicates: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(add, _values(self), _values(other)))

    def __reduce__(self) -> tuple[type[Counts], tuple[int, ...]]:
        # A dataclass with slots takes many times as long to pickle.
        return Counts, _values(self)


NOTHING = Counts()
"""Of a place without a sequence."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard of a large file, or a segment.

    Attributes:
        stretch: Where it is.
        sha256: Of a segment's bytes; of a shard's segments, see `joint_sha256`.
    """

    stretch: Stretch
    counts: Counts
    sha256: str


_values = attrgetter(*(field.name for field in fields(Counts)))


@dataclass(frozen=True, slots=True)
class Counted:
    """What was read of a file, or of a stretch of it.

    Attributes:
        sha256: Of its raw bytes.
        findings: What is odd about its records, but for repeated ids.
        segments: What its segments hold, if they were counted in the same pass.
    """

    counts: Counts
    sha256: str
    findings: Findings
    segments: tuple[Shard, ...] = ()
