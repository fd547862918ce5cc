"""What is kept of a sequence, and how its numbers lie one after the other. Imports no torch.

The kinds are those of fair-esm's `extract.py --include`. All that is kept of a sequence is one
row of float32 numbers, which workers hand on without knowing what they mean: first the kinds of a
fixed size, then what grows with the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

Kind = Literal["mean", "bos", "per_tok", "contacts"]

KINDS: tuple[Kind, ...] = ("mean", "bos", "per_tok", "contacts")
"""In the order of a row."""

_FIXED: tuple[Kind, ...] = ("mean", "bos")


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of one layer in a sequence's row.

    Attributes:
        kind: What it is.
        layer: Of which layer; 0 for contacts, which come from all of them.
        start: Its first number's place in the row.
        shape: (D,) for mean and bos, (L, D) for per_tok, (L, L) for contacts.
    """

    kind: Kind
    layer: int
    start: int
    shape: tuple[int, ...]

    @property
    def numbers(self) -> slice:
        """Its numbers in the row."""
        return slice(self.start, self.start + prod(self.shape))

    @property
    def name(self) -> str:
        """What formats with named columns call it: `mean_33`, `contacts`."""
        return self.kind if self.kind == "contacts" else f"{self.kind}_{self.layer}"


@dataclass(frozen=True)
class Representations:
    """What a run keeps of each sequence.

    Attributes:
        layers: Whose states, ascending, at least one.
        kinds: In the order of `KINDS`, at least one.
        width: D, numbers in a layer's state of one token.
    """

    layers: tuple[int, ...]
    kinds: tuple[Kind, ...]
    width: int

    @classmethod
    def mean(cls, layer: int, width: int) -> Representations:
        """Return the usual choice: one vector a sequence."""
        return cls((layer,), ("mean",), width)

    @cached_property
    def fixed(self) -> bool:
        """Whether all sequences have rows of one size, however long they are."""
        return all(kind in _FIXED for kind in self.kinds)

    @cached_property
    def single(self) -> bool:
        """Whether there is one kind of one layer alone."""
        return len(self.kinds) == 1 and (len(self.layers) == 1 or self.kinds == ("contacts",))

    @cached_property
    def plain(self) -> bool:
        """Whether it is the usual choice."""
        return self.single and self.kinds == ("mean",)

    def numbers(self, length: int) -> int:
        """Return the size of the row of a sequence of so many residues."""
        size = 0
        for kind in self.kinds:
            if kind == "contacts":
                size += length * length
            else:
                size += len(self.layers) * self.width * (1 if kind in _FIXED else length)
        return size

    def parts(self, length: int) -> Iterator[Part]:
        """Yield what is in the row of a sequence of so many residues, in order."""
        start = 0
        for kind in self.kinds:
            for layer in self.layers if kind != "contacts" else (0,):
                part = Part(kind, layer, start, self._shape(kind, length))
                yield part
                start = part.numbers.stop

    def _shape(self, kind: Kind, length: int) -> tuple[int, ...]:
        if kind == "contacts":
            return length, length
        return (self.width,) if kind in _FIXED else (length, self.width)
