"""ESM C's code, see `code.FamilyCode`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from tui_balancer.embedding.checkpoints.sources import read_again
from tui_balancer.embedding.families.code import Rows, nothing_more
from tui_balancer.embedding.families.esmc.checkpoint import read
from tui_balancer.embedding.families.esmc.family import EsmcShape
from tui_balancer.embedding.families.esmc.layers import PackedForward
from tui_balancer.embedding.families.esmc.names import parameter_shapes
from tui_balancer.embedding.families.esmc.weights import packer, take_weights
from tui_balancer.embedding.families.seeded import random_weights, seeded_weights
from tui_balancer.embedding.models import ModelSource
from tui_balancer.representations import Representations

__all__ = ["load", "packed", "read", "require"]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """See `code.Loaded`.

    Attributes:
        weights: By our names, see `names`, in the number format of the checkpoint.
        shape: Its architecture.
        sha256: Of the checkpoint's bytes, or of the seeded parameters when untrained.
    """

    weights: Mapping[str, torch.Tensor]
    shape: EsmcShape
    sha256: str


require = nothing_more


def load(source: ModelSource, scratch: Path | None = None) -> LoadedModel:
    """See `code.load`."""
    shape = source.shape
    assert isinstance(shape, EsmcShape), "it was read here"
    if source.checkpoint is None:
        seeded, checksum = seeded_weights(
            source, lambda: random_weights(parameter_shapes(shape)), scratch
        )
        return LoadedModel(seeded, shape, checksum)
    return LoadedModel(read_again(source, read).weights, shape, source.sha256)


def packed(
    loaded: LoadedModel, kept: Representations, device: torch.device, dtype: torch.dtype
) -> Rows:
    """See `code.FamilyCode`."""
    weights = take_weights(loaded.weights, loaded.shape, kept.layers[-1], device, dtype)
    forward, pack = PackedForward(weights, kept), packer().pack
    return lambda sequences: forward(pack(sequences))
