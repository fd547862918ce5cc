"""The code of the T5 encoders, see `code.FamilyCode`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from tui_balancer.embedding.checkpoints.sources import read_again
from tui_balancer.embedding.families.code import Rows, nothing_more
from tui_balancer.embedding.families.seeded import random_weights, seeded_weights
from tui_balancer.embedding.families.t5.family import T5Shape
from tui_balancer.embedding.families.t5.huggingface import parameter_shapes, read
from tui_balancer.embedding.families.t5.layers import PackedForward
from tui_balancer.embedding.families.t5.tokens import Tokens, untrained_tokens
from tui_balancer.embedding.families.t5.weights import packer, take_weights
from tui_balancer.embedding.models import ModelSource
from tui_balancer.representations import Representations

__all__ = ["load", "packed", "read", "require"]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """See `code.Loaded`.

    Attributes:
        weights: By Hugging Face's names, in the number format of the checkpoint.
        tokens: What it reads.
        shape: Its architecture.
        sha256: Of the checkpoint's bytes, or of the seeded parameters when untrained.
    """

    weights: Mapping[str, torch.Tensor]
    tokens: Tokens
    shape: T5Shape
    sha256: str


require = nothing_more


def load(source: ModelSource, scratch: Path | None = None) -> LoadedModel:
    """See `code.load`."""
    shape = source.shape
    assert isinstance(shape, T5Shape), "it was read here"
    if source.checkpoint is None:
        tokens = untrained_tokens(shape)
        weights, checksum = seeded_weights(source, lambda: _random(shape, tokens), scratch)
        return LoadedModel(weights, tokens, shape, checksum)
    checkpoint = read_again(source, partial(read, kind=type(shape)))
    return LoadedModel(checkpoint.weights, checkpoint.tokens, shape, source.sha256)


def packed(
    loaded: LoadedModel, kept: Representations, device: torch.device, dtype: torch.dtype
) -> Rows:
    """See `code.FamilyCode`."""
    weights = take_weights(loaded.weights, loaded.shape, kept.layers[-1], device, dtype)
    forward, pack = PackedForward(weights, kept), packer(loaded.tokens).pack
    return lambda sequences: forward(pack(sequences))


def _random(shape: T5Shape, tokens: Tokens) -> dict[str, torch.Tensor]:
    """Return random weights, with small queries: the scores of attention are not scaled."""
    weights = random_weights(parameter_shapes(shape, tokens.largest + 1))
    for name, value in weights.items():
        if name.endswith("SelfAttention.q.weight"):
            value.mul_(shape.head_width**-0.5)
    return weights
