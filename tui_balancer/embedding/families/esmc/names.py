"""The parameters of an ESM C model: their names and shapes, as checkpoints spell them.

Ours are those of transformers' `EsmcModel`. The makers' own modules, in `.pth` files, pack queries,
keys and values into one matrix, and the feed-forward's gate and its factor into another; so do the
Hub's first files, in which NVIDIA's Transformer Engine named the modules. Their parts are taken as
views: nothing is copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch

from tui_balancer.embedding.families.esmc.family import EsmcShape

VOCABULARY = 64
"""Rows of the embedding: 33 tokens, and room."""

_PREFIX = "esmc."
"""Of the body in a model with a head."""

_BODY = ("embed.", "embed_tokens.", "layers.", "norm.", "transformer.")
_ENGINE_STATE = "._extra_state"
"""Transformer Engine's notes on number formats; no parameter."""

_BLOCK = re.compile(r"transformer\.blocks\.(\d+)\.(.+)")
_OUTSIDE = MappingProxyType(
    {"embed.weight": "embed_tokens.weight", "transformer.norm.weight": "norm.weight"}
)
_QKV = tuple(f"self_attn.{one}_proj.weight" for one in "qkv")
_GATE_AND_UP = ("mlp.gate_proj.weight", "mlp.up_proj.weight")
_OF_A_BLOCK: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "attn.layernorm_qkv.0.weight": ("input_layernorm.weight",),
        "attn.layernorm_qkv.0.bias": ("input_layernorm.bias",),
        "attn.layernorm_qkv.1.weight": _QKV,
        "attn.layernorm_qkv.layer_norm_weight": ("input_layernorm.weight",),
        "attn.layernorm_qkv.layer_norm_bias": ("input_layernorm.bias",),
        "attn.layernorm_qkv.weight": _QKV,
        "attn.q_ln.weight": ("self_attn.q_norm.weight",),
        "attn.k_ln.weight": ("self_attn.k_norm.weight",),
        "attn.out_proj.weight": ("self_attn.o_proj.weight",),
        "ffn.0.weight": ("post_attention_layernorm.weight",),
        "ffn.0.bias": ("post_attention_layernorm.bias",),
        "ffn.1.weight": _GATE_AND_UP,
        "ffn.3.weight": ("mlp.down_proj.weight",),
        "ffn.layer_norm_weight": ("post_attention_layernorm.weight",),
        "ffn.layer_norm_bias": ("post_attention_layernorm.bias",),
        "ffn.fc1_weight": _GATE_AND_UP,
        "ffn.fc2_weight": ("mlp.down_proj.weight",),
    }
)
"""The makers' names in a layer, and what each holds, row after row."""


def parameter_shapes(shape: EsmcShape) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of the body, by its name."""
    width, inner = (shape.width,), (shape.inner, shape.width)
    square = (shape.width, shape.width)
    of_a_layer: dict[str, tuple[int, ...]] = {
        "input_layernorm.weight": width,
        "input_layernorm.bias": width,
        **dict.fromkeys(_QKV, square),
        "self_attn.q_norm.weight": width,
        "self_attn.k_norm.weight": width,
        "self_attn.o_proj.weight": square,
        "post_attention_layernorm.weight": width,
        "post_attention_layernorm.bias": width,
        **dict.fromkeys(_GATE_AND_UP, inner),
        "mlp.down_proj.weight": inner[::-1],
    }
    return {
        "embed_tokens.weight": (VOCABULARY, shape.width),
        **{
            f"layers.{layer}.{name}": size
            for layer in range(shape.layers)
            for name, size in of_a_layer.items()
        },
        "norm.weight": width,
    }


def renamed(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors of the body under our names, whichever a checkpoint has.

    A name of the body that is not known stays as it is, for the caller to refuse. Heads for other
    tasks are left out.
    """
    found: dict[str, Any] = {}
    for key, value in tensors.items():
        name = key.removeprefix(_PREFIX)
        if not name.startswith(_BODY) or name.endswith(_ENGINE_STATE):
            continue
        block = _BLOCK.fullmatch(name)
        parts = _OF_A_BLOCK.get(block[2]) if block else None
        if block and parts:
            values = value.chunk(len(parts)) if isinstance(value, torch.Tensor) else (value,)
            for part, one in zip(parts, values, strict=False):
                found[f"layers.{block[1]}.{part}"] = one
        else:
            found[_OUTSIDE.get(name, name)] = value
    return found
