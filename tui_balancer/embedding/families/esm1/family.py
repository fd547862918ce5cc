"""The models of ESM-1, ESM-1b and ESM-1v. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from tui_balancer.embedding.fairesm.shape import FairEsmShape
from tui_balancer.embedding.families.family import Family, PublishedModel


@dataclass(frozen=True, slots=True)
class Esm1bShape(FairEsmShape):
    """The architecture of ESM-1b and ESM-1v: BOS, residues and EOS, each at a learned position.

    Attributes:
        positions: Tokens that a sequence may have.
    """

    family: ClassVar[str] = "esm1"

    positions: int = 1024

    @property
    def longest(self) -> int:
        """See `ModelShape.longest`."""
        return self.positions - self.alphabet.tokens(0)


@dataclass(frozen=True, slots=True)
class Esm1Shape(FairEsmShape):
    """The architecture of ESM-1: BOS and residues, at positions of sines and cosines.

    There is no EOS. What stands after the residues of a sequence is the learned key and value of
    each layer that all its tokens attend to: a token like others to a batch and to the cost.
    """

    family: ClassVar[str] = "esm1"
    architecture: ClassVar[str] = "ESM-1"


_ESM1B = Esm1bShape(layers=33, width=1280, heads=20)
_ESM1 = {
    "esm1_t34_670M_UR50S": Esm1Shape(layers=34, width=1280, heads=20),
    "esm1_t34_670M_UR50D": Esm1Shape(layers=34, width=1280, heads=20),
    "esm1_t34_670M_UR100": Esm1Shape(layers=34, width=1280, heads=20),
    "esm1_t12_85M_UR50S": Esm1Shape(layers=12, width=768, heads=12),
    "esm1_t6_43M_UR50S": Esm1Shape(layers=6, width=768, heads=12),
}
_ESM1V = tuple(f"esm1v_t33_650M_UR90S_{number}" for number in range(1, 6))

FAMILY = Family(
    name=Esm1Shape.family,
    title="ESM-1/1b/1v",
    models=MappingProxyType(
        {
            name: PublishedModel(_ESM1B, licence="MIT", repository=f"facebook/{name}")
            for name in ("esm1b_t33_650M_UR50S", *_ESM1V)
        }
        | {name: PublishedModel(shape, licence="MIT") for name, shape in _ESM1.items()}
    ),
    downloaded=True,
    reference=True,
)
