"""The code of DNABERT-2 and DNABERT-S, see `code.FamilyCode`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from tui_balancer.embedding.checkpoints.sources import read_again
from tui_balancer.embedding.families.code import Rows, nothing_more
from tui_balancer.embedding.families.dnabert.family import DnabertShape
from tui_balancer.embedding.families.dnabert.huggingface import parameter_shapes, read
from tui_balancer.embedding.families.dnabert.layers import PackedForward
from tui_balancer.embedding.families.dnabert.tokens import BaseTokens, untrained_tokens
from tui_balancer.embedding.families.dnabert.weights import take_weights
from tui_balancer.embedding.families.seeded import random_weights, seeded_weights
from tui_balancer.embedding.models import ModelSource
from tui_balancer.representations import Representations

__all__ = ["load", "packed", "read", "require"]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """See `code.Loaded`.

    Attributes:
        weights: By the makers' names without prefix, in the number format of the checkpoint.
        tokens: Its tokenizer.
        shape: Its architecture.
        sha256: Of the checkpoint's bytes, or of the seeded parameters when untrained.
    """

    weights: Mapping[str, torch.Tensor]
    tokens: BaseTokens
    shape: DnabertShape
    sha256: str


require = nothing_more


def load(source: ModelSource, scratch: Path | None = None) -> LoadedModel:
    """See `code.load`."""
    shape = source.shape
    assert isinstance(shape, DnabertShape), "it was read here"
    if source.checkpoint is None:
        sizes = parameter_shapes(shape)
        weights, checksum = seeded_weights(source, lambda: random_weights(sizes), scratch)
        return LoadedModel(weights, untrained_tokens(shape.vocabulary), shape, checksum)
    checkpoint = read_again(source, read)
    return LoadedModel(checkpoint.weights, checkpoint.tokens, shape, source.sha256)


def packed(
    loaded: LoadedModel, kept: Representations, device: torch.device, dtype: torch.dtype
) -> Rows:
    """See `code.FamilyCode`."""
    weights = take_weights(loaded.weights, loaded.shape, kept.layers[-1], device, dtype)
    forward, pack = PackedForward(weights, kept), loaded.tokens.pack
    return lambda sequences: forward(pack(sequences))
