"""ESM-2 in Hugging Face's format.

Hugging Face renamed the modules of fair-esm's model and left their tensors as they are, so under
the names of old the same model takes them, and computes the same bits. Heads for other tasks
are left aside, and a missing head of the language model is made up: no embedding needs it.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from tui_balancer.embedding.checkpoints.huggingface import (
    CONFIG_NAME,
    read_json,
    read_tensors,
    weights_files,
)
from tui_balancer.embedding.checkpoints.tensors import unfit
from tui_balancer.embedding.families.esm2.checkpoint import Checkpoint, is_plausible, not_esm2
from tui_balancer.embedding.families.esm2.family import FAMILY, Esm2Shape

_REQUIRED = {
    "model_type": "esm",
    "position_embedding_type": "rotary",
    "emb_layer_norm_before": False,
    "layer_norm_eps": 1e-5,
    "hidden_act": "gelu",
}
"""What makes the `esm` models of Hugging Face, which are of several kinds, an ESM-2."""

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
    "encoder.emb_layer_norm_after.weight": "emb_layer_norm_after.weight",
    "encoder.emb_layer_norm_after.bias": "emb_layer_norm_after.bias",
    "contact_head.regression.weight": "contact_head.regression.weight",
    "contact_head.regression.bias": "contact_head.regression.bias",
}
_UNUSED = {"embeddings.position_ids", "embeddings.position_embeddings.weight"}
"""Made by the library for its other models."""

_LANGUAGE_HEAD = {
    f"lm_head.{name}": f"lm_head.{name}"
    for name in ("bias", "dense.weight", "dense.bias", "layer_norm.weight", "layer_norm.bias")
}


def read_folder(folder: Path) -> Checkpoint:
    """Return what a folder holds, the weights under fair-esm's names.

    Raises:
        UserError: It holds no model, or none that is an ESM-2, or it is broken.
    """
    config = read_json(folder / CONFIG_NAME)
    for key, value in _REQUIRED.items():
        if config.get(key, value if key == "hidden_act" else None) != value:
            raise not_esm2(folder, f"its {key} is {config.get(key)!r}, not {value!r}")
    shape = Esm2Shape(
        *(config.get(key, 0) for key in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    )
    if not is_plausible(shape):
        raise unfit(
            folder, FAMILY.title, f"{CONFIG_NAME} does not name its layers, width and heads"
        )
    weights: dict[str, torch.Tensor] = {}
    for path in weights_files(folder):
        for key, value in read_tensors(path).items():
            if name := _fair_esm_name(key):
                weights[name] = value
            elif _is_of_the_body(key):
                raise unfit(folder, FAMILY.title, f"{key} is unknown")
    _complete(weights, shape)
    return Checkpoint(shape, bool(config.get("token_dropout", True)), weights)


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
    return bare.startswith(("encoder.", "embeddings.")) and bare not in _UNUSED


def _complete(weights: dict[str, torch.Tensor], shape: Esm2Shape) -> None:
    """Add what fair-esm's model has and files may lack: what follows from the sizes, and the head
    of the language model.
    """
    width = shape.width
    tokens = weights.get("embed_tokens.weight", torch.empty(0, width))
    weights["lm_head.weight"] = tokens
    weights.setdefault("lm_head.bias", torch.zeros(len(tokens)))
    weights.setdefault("lm_head.dense.weight", torch.zeros(width, width))
    weights.setdefault("lm_head.dense.bias", torch.zeros(width))
    weights.setdefault("lm_head.layer_norm.weight", torch.ones(width))
    weights.setdefault("lm_head.layer_norm.bias", torch.zeros(width))
    size = width // shape.heads
    # As fair-esm's own `RotaryEmbedding` computes them.
    frequencies = 1.0 / (10000 ** (torch.arange(0, size, 2).float() / size))
    for layer in range(shape.layers):
        weights.setdefault(f"layers.{layer}.self_attn.rot_emb.inv_freq", frequencies)
