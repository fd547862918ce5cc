"""ESM C's models, alphabet and cost. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.embedding.families.family import STATE_KINDS, Family, PublishedModel
from tui_balancer.embedding.models import ModelShape


@dataclass(frozen=True, slots=True)
class EsmcShape(ModelShape):
    """The architecture of an ESM C model: BOS, residues and EOS go through n layers of width d.

    Attributes:
        inner: Width of the feed-forward's hidden layer, f.
    """

    family: ClassVar[str] = "esmc"
    alphabet: ClassVar[Alphabet] = PROTEIN

    inner: int

    @property
    def weights(self) -> int:
        """Numbers in the weights of the layers, `n·(4·d² + 3·d·f)`, with the gate."""
        return self.layers * self.width * (4 * self.width + 3 * self.inner)


def inner_width(width: int) -> int:
    """Return the feed-forward's width in all published models: 8/3 of d, rounded up to 256."""
    return int((8 / 3 * width + 255) // 256 * 256)


def _published(size: str, layers: int, width: int, heads: int) -> PublishedModel:
    shape = EsmcShape(layers, width, heads, inner_width(width))
    # Since 2026. What was downloaded before came with others, see the manual.
    return PublishedModel(shape, licence="MIT", repository=f"biohub/ESMC-{size}")


FAMILY = Family(
    name=EsmcShape.family,
    title="ESM C",
    models=MappingProxyType(
        {
            "esmc_300m": _published("300M", layers=30, width=960, heads=15),
            "esmc_600m": _published("600M", layers=36, width=1152, heads=18),
            "esmc_6b": _published("6B", layers=80, width=2560, heads=40),
        }
    ),
    max_length=2046,
    kinds=STATE_KINDS,
    mark="ESMC",
)
"""The last third of the training had contexts of 2,048 tokens. Positions have no end, so neither
does a sequence; the makers' own service takes 16,384 tokens.
"""
