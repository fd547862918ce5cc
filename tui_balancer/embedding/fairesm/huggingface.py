"""Models of fair-esm in Hugging Face's format.

Hugging Face renamed the modules of fair-esm's model and left their tensors as they are, so under
the names of old the same model takes them, and computes the same bits. Heads for other tasks
are left aside, and a missing head of the language model is made up: no embedding needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from tui_balancer.embedding.checkpoints.huggingface import CONFIG_NAME, folder_tensors, read_json
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily, unfit
from tui_balancer.embedding.fairesm.checkpoint import Checkpoint
from tui_balancer.embedding.fairesm.shape import FairEsmShape

_MODULES = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.self.rotary_embeddings": "self_attn.rot_emb",
    "attention.output.dense": "self_attn.out_proj",
    "attention.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "LayerNorm": "final_layer_norm",
}
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(\w+)")
_OTHERS = {
    "embeddings.word_embeddings.weight": "embed_tokens.weight",
    "embeddings.position_embeddings.weight": "embed_positions.weight",
    "embeddings.layer_norm.weight": "emb_layer_norm_before.weight",
    "embeddings.layer_norm.bias": "emb_layer_norm_before.bias",
    "encoder.emb_layer_norm_after.weight": "emb_layer_norm_after.weight",
    "encoder.emb_layer_norm_after.bias": "emb_layer_norm_after.bias",
    "contact_head.regression.weight": "contact_head.regression.weight",
    "contact_head.regression.bias": "contact_head.regression.bias",
}
_UNUSED = "embeddings.position_ids"
"""Made by the library."""

_LANGUAGE_HEAD = {
    f"lm_head.{name}": f"lm_head.{name}"
    for name in ("bias", "dense.weight", "dense.bias", "layer_norm.weight", "layer_norm.bias")
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kind of Hugging Face's `esm` models, of which there are several.

    Attributes:
        title: Of the family.
        required: What makes a model one of the kind: the values of its configuration.
        shape: Makes the architecture of layers, width, heads, and tokens of a sequence.
        rotary: Whether positions turn queries and keys, instead of having weights.
    """

    title: str
    required: Mapping[str, object]
    shape: Callable[[int, int, int, int], FairEsmShape]
    rotary: bool


_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "max_position_embeddings": 1026,
        "num_hidden_layers": 12,
        "hidden_size": 768,
        "num_attention_heads": 12,
        "emb_layer_norm_before": False,
    }
)
"""What the library leaves out of a configuration, and is decisive."""

_NO_TOKENS = 2
"""Positions that no token has: those up to the number of the padding token."""


def read_folder(folder: Path, wanted: Wanted) -> Checkpoint:
    """Return what a folder holds, the weights under fair-esm's names.

    Raises:
        NotOfFamily: It holds a model of another kind.
        UserError: It holds no model, or it is broken or incomplete.
    """
    config = {**_DEFAULTS, **read_json(folder / CONFIG_NAME)}
    for key, value in wanted.required.items():
        if config.get(key) != value:
            reason = f"its {key} is {config.get(key)!r}, not {value!r}"
            raise NotOfFamily(folder, wanted.title, reason)
    positions = config["max_position_embeddings"]
    shape = wanted.shape(
        config["num_hidden_layers"],
        config["hidden_size"],
        config["num_attention_heads"],
        positions - _NO_TOKENS if isinstance(positions, int) else 0,
    )
    if not shape.plausible:
        reason = f"{CONFIG_NAME} does not name its layers, width and heads"
        raise unfit(folder, wanted.title, reason)
    weights: dict[str, torch.Tensor] = {}
    for key, value in folder_tensors(folder):
        if name := _fair_esm_name(key):
            weights[name] = value
        elif _is_of_the_body(key):
            raise unfit(folder, wanted.title, f"{key} is unknown")
    normed = "emb_layer_norm_before.weight" in weights
    if normed != bool(config["emb_layer_norm_before"]):
        said = f"its emb_layer_norm_before is {config['emb_layer_norm_before']!r}"
        found = "has" if normed else "lacks"
        raise unfit(folder, wanted.title, f"{said}, and it {found} the weights of one")
    if wanted.rotary:
        weights.pop("embed_positions.weight", None)
        _add_frequencies(weights, shape)
    _add_language_head(weights, shape)
    return Checkpoint(shape, bool(config.get("token_dropout")), weights)


def _fair_esm_name(key: str) -> str | None:
    """Return a tensor's name in fair-esm's model; None if that has none for it."""
    bare = key.removeprefix("esm.")
    if layer := _LAYER.fullmatch(bare):
        module = _MODULES.get(layer[2])
        return f"layers.{layer[1]}.{module}.{layer[3]}" if module else None
    return _OTHERS.get(bare) or _LANGUAGE_HEAD.get(key)


def _is_of_the_body(key: str) -> bool:
    """Whether a tensor takes part in an embedding, so that leaving it out would falsify it."""
    bare = key.removeprefix("esm.")
    return bare.startswith(("encoder.", "embeddings.")) and bare != _UNUSED


def _add_language_head(weights: dict[str, torch.Tensor], shape: FairEsmShape) -> None:
    """Add the head of the language model, which fair-esm's model has and files may lack."""
    width = shape.width
    tokens = weights.get("embed_tokens.weight", torch.empty(0, width))
    weights["lm_head.weight"] = tokens
    weights.setdefault("lm_head.bias", torch.zeros(len(tokens)))
    weights.setdefault("lm_head.dense.weight", torch.zeros(width, width))
    weights.setdefault("lm_head.dense.bias", torch.zeros(width))
    weights.setdefault("lm_head.layer_norm.weight", torch.ones(width))
    weights.setdefault("lm_head.layer_norm.bias", torch.zeros(width))


def _add_frequencies(weights: dict[str, torch.Tensor], shape: FairEsmShape) -> None:
    """Add the frequencies of the rotation where they are not there: they follow from the sizes."""
    size = shape.width // shape.heads
    # As fair-esm's own `RotaryEmbedding` computes them.
    frequencies = 1.0 / (10000 ** (torch.arange(0, size, 2).float() / size))
    for layer in range(shape.layers):
        weights.setdefault(f"layers.{layer}.self_attn.rot_emb.inv_freq", frequencies)
