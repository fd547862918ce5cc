"""What any checkpoint of an ESM-2 model holds, whichever format it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from tui_balancer.embedding.checkpoints.tensors import NotOfFamily
from tui_balancer.embedding.families.esm2.family import FAMILY, Esm2Shape


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        shape: Of the model.
        token_dropout: Whether embeddings are scaled as if tokens had been masked.
        weights: By their names in fair-esm's model.
    """

    shape: Esm2Shape
    token_dropout: bool
    weights: dict[str, torch.Tensor]


def is_plausible(shape: Esm2Shape) -> bool:
    """Whether a model can have these sizes, which came from a file and may be anything."""
    sizes = (shape.layers, shape.width, shape.heads)
    return all(isinstance(size, int) and size > 0 for size in sizes) and (
        shape.width % shape.heads == 0
    )


def not_esm2(path: Path, reason: str) -> NotOfFamily:
    """Return the error for a checkpoint that can be read and is of another model."""
    return NotOfFamily(path, FAMILY.title, reason)
