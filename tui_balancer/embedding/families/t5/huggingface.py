"""The encoders in Hugging Face's format: `model_type` t5, alone or with a decoder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tui_balancer.embedding.checkpoints.huggingface import CONFIG_NAME, folder_tensors, read_json
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily, refuse_misfits, unfit
from tui_balancer.embedding.families.t5.family import FAMILY, ProstT5Shape, T5Shape
from tui_balancer.embedding.families.t5.tokens import Tokens, read_tokenizer

_SIZES = ("num_layers", "d_model", "num_heads", "d_kv", "d_ff")
_GATED = {"relu": False, "gated-gelu": True}
_EPSILON = 1e-6

_PREFIX = re.compile(r"^transformer\.")
"""Of models with a head for another task."""

EMBEDDING = "shared.weight"
_SAME_AS_EMBEDDING = "encoder.embed_tokens.weight"

BIAS = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
FINAL_NORM = "encoder.final_layer_norm.weight"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds.

    Attributes:
        shape: Of the model.
        weights: Of the encoder by Hugging Face's names, in the number format of the file.
        tokens: What it reads.
    """

    shape: T5Shape
    weights: Mapping[str, torch.Tensor]
    tokens: Tokens


def parameter_shapes(shape: T5Shape, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of an encoder, by its name."""
    width, attended = shape.width, shape.attended_width
    attention, feed = "layer.0.SelfAttention", "layer.1.DenseReluDense"
    expanding = ("wi_0", "wi_1") if shape.gated else ("wi",)
    of_a_layer: dict[str, tuple[int, ...]] = {
        "layer.0.layer_norm.weight": (width,),
        **{f"{attention}.{one}.weight": (attended, width) for one in "qkv"},
        f"{attention}.o.weight": (width, attended),
        "layer.1.layer_norm.weight": (width,),
        **{f"{feed}.{one}.weight": (shape.inner, width) for one in expanding},
        f"{feed}.wo.weight": (width, shape.inner),
    }
    return {
        EMBEDDING: (vocabulary, width),
        BIAS: (shape.buckets, shape.heads),
        **{
            f"encoder.block.{layer}.{name}": size
            for layer in range(shape.layers)
            for name, size in of_a_layer.items()
        },
        FINAL_NORM: (width,),
    }


def read(path: Path, kind: type[T5Shape] | None = None) -> Checkpoint:
    """See `code.FamilyCode.read`.

    Args:
        path: The folder.
        kind: What the model is to read; None for amino acids.
    """
    if not path.is_dir():
        raise NotOfFamily(path, FAMILY.title, "it is not a folder in Hugging Face's format")
    config = read_json(path / CONFIG_NAME)
    if config.get("model_type") != FAMILY.name:
        raise NotOfFamily(path, FAMILY.title, f"its model_type is {config.get('model_type')!r}")
    tokenizer = read_tokenizer(path)
    if kind is None:
        kind = ProstT5Shape if tokenizer.has(ProstT5Shape.prefix) else T5Shape
    shape, tokens = _shape(path, config, kind), tokenizer.tokens(kind)
    if tokens is None:
        raise unfit(path, FAMILY.title, "its tokenizer has no token of each letter")
    weights: dict[str, torch.Tensor] = {}
    for key, value in folder_tensors(path):
        name = _PREFIX.sub("", key)
        if name == _SAME_AS_EMBEDDING:
            weights.setdefault(EMBEDDING, value)
        elif name == EMBEDDING or name.startswith("encoder."):
            weights[name] = value
    vocabulary = len(weights[EMBEDDING]) if EMBEDDING in weights else 0
    if vocabulary <= tokens.largest:
        raise unfit(
            path, FAMILY.title, f"{EMBEDDING} has {vocabulary} rows, too few for its tokens"
        )
    refuse_misfits(path, FAMILY.title, parameter_shapes(shape, vocabulary), weights)
    return Checkpoint(shape, weights, tokens)


def _shape(path: Path, config: Mapping[str, Any], of: type[T5Shape]) -> T5Shape:
    layers, width, heads, head_width, inner = (config.get(one, 0) for one in _SIZES)
    buckets = config.get("relative_attention_num_buckets", 32)
    distance = config.get("relative_attention_max_distance", 128)
    sizes = (layers, width, heads, head_width, inner, buckets, distance)
    feed, epsilon = config.get("feed_forward_proj", "relu"), config.get("layer_norm_epsilon")
    if not all(isinstance(one, int) and one > 0 for one in sizes):
        raise unfit(path, FAMILY.title, f"{CONFIG_NAME} does not name {', '.join(_SIZES)}")
    if feed not in _GATED:
        raise unfit(
            path, FAMILY.title, f"its feed_forward_proj is {feed!r}, not relu or gated-gelu"
        )
    if epsilon not in (None, _EPSILON):
        raise unfit(path, FAMILY.title, f"its layer_norm_epsilon is {epsilon}, not {_EPSILON}")
    if distance <= buckets // 4:
        raise unfit(path, FAMILY.title, f"its {buckets} buckets are too many for {distance} tokens")
    return of(
        layers, width, heads, head_width, inner, _GATED[feed], buckets=buckets, distance=distance
    )
