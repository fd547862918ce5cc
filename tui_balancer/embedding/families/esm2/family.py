"""ESM-2's models. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from tui_balancer.embedding.fairesm.shape import FairEsmShape
from tui_balancer.embedding.families.family import Family, PublishedModel


@dataclass(frozen=True, slots=True)
class Esm2Shape(FairEsmShape):
    """The architecture of an ESM-2 model: BOS, residues and EOS, rotated by their positions."""

    family: ClassVar[str] = "esm2"


_SHAPES = {
    "esm2_t6_8M_UR50D": Esm2Shape(layers=6, width=320, heads=20),
    "esm2_t12_35M_UR50D": Esm2Shape(layers=12, width=480, heads=20),
    "esm2_t30_150M_UR50D": Esm2Shape(layers=30, width=640, heads=20),
    "esm2_t33_650M_UR50D": Esm2Shape(layers=33, width=1280, heads=20),
    "esm2_t36_3B_UR50D": Esm2Shape(layers=36, width=2560, heads=40),
    "esm2_t48_15B_UR50D": Esm2Shape(layers=48, width=5120, heads=40),
}

FAMILY = Family(
    name=Esm2Shape.family,
    title="ESM-2",
    models=MappingProxyType(
        {
            name: PublishedModel(shape, licence="MIT", repository=f"facebook/{name}")
            for name, shape in _SHAPES.items()
        }
    ),
    downloaded=True,
    reference=True,
)
