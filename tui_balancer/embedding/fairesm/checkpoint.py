"""What any checkpoint of a model of fair-esm holds, whichever format it has."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tui_balancer.embedding.fairesm.shape import FairEsmShape


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        shape: Of the model.
        token_dropout: Whether embeddings are scaled as if tokens had been masked.
        weights: By their names in fair-esm's model; none of a model that is untrained.
    """

    shape: FairEsmShape
    token_dropout: bool
    weights: dict[str, torch.Tensor]
