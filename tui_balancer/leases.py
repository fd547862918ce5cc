"""Messages about a lease: its progress, the next directive, and its batches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Span = tuple[int, int]
"""Batches `first <= number < end`."""

Spans = tuple[Span, ...]
"""Batches of one lease in the order in which its worker computes them; no span is empty."""


def without_head(spans: Spans, number: int) -> Spans:
    """Return what is left once a worker is through with batch `number`.

    Batches before it in the order of work were there already. A number that is not among
    them changes nothing.
    """
    for position, (first, end) in enumerate(spans):
        if first <= number < end:
            rest = spans[position + 1 :]
            return ((number + 1, end), *rest) if number + 1 < end else rest
    return spans


@dataclass(frozen=True, slots=True)
class Share:
    """A worker's share of a unit.

    Attributes:
        spans: Its batches, in this order; None when the others are through: then it takes over what
            they have kept, computes what is still missing, and writes the outputs.
        newest: The newest attempt: batches kept by this and older ones are there to be read.
    """

    spans: Spans | None
    newest: int


class Directive(str, Enum):
    """The answer to a progress report: what the worker does after this batch.

    After `reshare` it asks which batches are its own now. `release`, the answer at the end of
    a part, means that the part is kept, others continue, and the worker is free.
    """

    CONTINUE = "continue"
    PAUSE = "pause"
    ABANDON = "abandon"
    RESHARE = "reshare"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a lease has come; cumulative within the unit.

    Attributes:
        sequences: Sequences embedded so far.
        residues: Residues embedded so far.
        cost: FLOPs of those sequences.
        restored: Whether what is new since the last report was taken over from an earlier
            attempt: it tells nothing about how fast the device is.
    """

    sequences: int
    residues: int
    cost: float
    restored: bool = False
