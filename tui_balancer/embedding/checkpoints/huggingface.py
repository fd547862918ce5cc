"""ESM-2 in Hugging Face's format: a folder with `settings.json` and the weights, in safetensors or
torch's format, in one file or in several.

Hugging Face renamed the modules of fair-esm's model and left their tensors as they are, so under
the names of old the same model takes them, and computes the same bits. Heads for other tasks
are left aside, and a missing head of the language model is made up: no embedding needs it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from tui_balancer.embedding.checkpoints.registry import ModelShape
from tui_balancer.embedding.checkpoints.tensors import (
    Checkpoint,
    file_sha256,
    is_plausible,
    not_esm2,
    unpickled,
)
from tui_balancer.errors import UserError

CONFIG_NAME = "config.json"

WEIGHTS_NAMES = ("model.safetensors", "pytorch_model.bin")
"""The better one first. Weights in several files have an index, which is called the same with
`.index.json` behind it."""

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
    config = _json(folder / CONFIG_NAME)
    for key, value in _REQUIRED.items():
        if config.get(key, value if key == "hidden_act" else None) != value:
            raise not_esm2(folder, f"its {key} is {config.get(key)!r}, not {value!r}")
    shape = ModelShape(
        *(config.get(key, 0) for key in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    )
    if not is_plausible(shape):
        raise not_esm2(folder, f"{CONFIG_NAME} does not name its layers, width and heads")
    weights: dict[str, torch.Tensor] = {}
    for path in weights_files(folder):
        for key, value in _tensors(path).items():
            if name := _fair_esm_name(key):
                weights[name] = value
            elif _is_of_the_body(key):
                raise not_esm2(folder, f"{key} is unknown")
    _complete(weights, shape)
    return Checkpoint(shape, bool(config.get("token_dropout", True)), weights)


def folder_sha256(folder: Path) -> str:
    """Return the SHA-256 of the weights' file; of several, that of what `sha256sum` prints of them.

    Raises:
        UserError: There are none.
    """
    files = weights_files(folder)
    if len(files) == 1:
        return file_sha256(files[0])
    lines = "".join(f"{file_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def weights_files(folder: Path) -> tuple[Path, ...]:
    """Return the files with the weights, in the order of their names.

    Raises:
        UserError: There are none.
    """
    for name in WEIGHTS_NAMES:
        if (folder / name).exists():
            return (folder / name,)
        index = folder / f"{name}.index.json"
        if index.exists():
            places = _json(index).get("weight_map")
            names = set(places.values()) if isinstance(places, dict) else set()
            if not names or not all(isinstance(one, str) and "/" not in one for one in names):
                raise UserError(f"{index} does not say where the weights are")
            return tuple(folder / one for one in sorted(names))
    raise UserError(f"{folder} has no weights: neither {' nor '.join(WEIGHTS_NAMES)}")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path.parent} is no model in Hugging Face's format: it has no {path.name}"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"cannot read {path}: it holds no object")
    return content


def _tensors(path: Path) -> Mapping[str, torch.Tensor]:
    """Return a file's tensors by Hugging Face's names, mapped where the format allows."""
    if path.suffix != ".safetensors":
        return unpickled(path)
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"there is no checkpoint {path}: check the path") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"the checkpoint {path} is broken or not a checkpoint") from error


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


def _complete(weights: dict[str, torch.Tensor], shape: ModelShape) -> None:
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
