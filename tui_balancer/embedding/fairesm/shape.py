"""The architecture that ESM-1 and ESM-2 share. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.embedding.models import ModelShape


@dataclass(frozen=True, slots=True)
class FairEsmShape(ModelShape):
    """n layers of width d, with a feed-forward part of width 4·d.

    Attributes:
        architecture: What fair-esm calls the model's alphabet.
    """

    alphabet: ClassVar[Alphabet] = PROTEIN
    architecture: ClassVar[str] = "ESM-1b"

    @property
    def weights(self) -> int:
        """Numbers in the weights of the layers, `12·n·d²`: four of d × d, two of d × 4d."""
        return 12 * self.layers * self.width**2

    @property
    def plausible(self) -> bool:
        """Whether a model can have these sizes, which came from a file and may be anything."""
        sizes = [getattr(self, one.name) for one in fields(self)]
        return (
            all(isinstance(size, int) and size > 0 for size in sizes)
            and self.width % self.heads == 0
            and (self.longest is None or self.longest > 0)
        )
