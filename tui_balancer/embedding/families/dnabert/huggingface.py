"""DNABERT in Hugging Face's format: the layout of its makers' `bert_layers.py`, which is that of
MosaicBERT. That code comes with a checkpoint, and is never executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from tui_balancer.embedding.checkpoints.huggingface import CONFIG_NAME, folder_tensors, read_json
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily, refuse_misfits, unfit
from tui_balancer.embedding.families.dnabert.family import FAMILY, DnabertShape
from tui_balancer.embedding.families.dnabert.tokens import BaseTokens, read_tokens

_SIZES = (
    *("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"),
    "vocab_size",
)
_REQUIRED = {"hidden_act": "gelu", "layer_norm_eps": 1e-12}
_DISTINCTIVE = "alibi_starting_size"
"""Of MosaicBERT: other models of type `bert` have positions."""

_PREFIX = "bert."
"""Of the body in a model with a head."""

_BODY = ("embeddings.", "encoder.")

WORDS = "embeddings.word_embeddings.weight"
TYPES = "embeddings.token_type_embeddings.weight"
NORM = "embeddings.LayerNorm"

_TYPES = 2
"""Kinds of tokens, a sentence's or that of the next one; all of ours are of the first."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds.

    Attributes:
        shape: Of the model.
        weights: Of the body by the makers' names without prefix, in the format of the file.
        tokens: Its tokenizer.
    """

    shape: DnabertShape
    weights: Mapping[str, torch.Tensor]
    tokens: BaseTokens


def layer_name(number: int, module: str) -> str:
    """Return the name of a module of a layer, from 0."""
    return f"encoder.layer.{number}.{module}"


def parameter_shapes(shape: DnabertShape) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of the body, by its name."""
    width, inner = shape.width, shape.inner
    of_a_layer: dict[str, tuple[int, ...]] = {
        "attention.self.Wqkv.weight": (3 * width, width),
        "attention.self.Wqkv.bias": (3 * width,),
        "attention.output.dense.weight": (width, width),
        "attention.output.dense.bias": (width,),
        "attention.output.LayerNorm.weight": (width,),
        "attention.output.LayerNorm.bias": (width,),
        "mlp.gated_layers.weight": (2 * inner, width),
        "mlp.wo.weight": (width, inner),
        "mlp.wo.bias": (width,),
        "mlp.layernorm.weight": (width,),
        "mlp.layernorm.bias": (width,),
    }
    return {
        WORDS: (shape.vocabulary, width),
        TYPES: (_TYPES, width),
        f"{NORM}.weight": (width,),
        f"{NORM}.bias": (width,),
        **{
            layer_name(number, name): size
            for number in range(shape.layers)
            for name, size in of_a_layer.items()
        },
    }


def read(path: Path) -> Checkpoint:
    """See `code.FamilyCode.read`."""
    if not path.is_dir():
        raise NotOfFamily(path, FAMILY.title, "it is not a folder in Hugging Face's format")
    config = read_json(path / CONFIG_NAME)
    # The makers' first files do not name their type.
    if config.get("model_type", "bert") != "bert" or _DISTINCTIVE not in config:
        raise NotOfFamily(path, FAMILY.title, f"{CONFIG_NAME} names no bert with {_DISTINCTIVE}")
    sizes = [config.get(key, 0) for key in _SIZES]
    if not all(isinstance(one, int) and one > 0 for one in sizes):
        raise unfit(path, FAMILY.title, f"{CONFIG_NAME} does not name {', '.join(_SIZES)}")
    shape = DnabertShape(*sizes)
    if shape.width % shape.heads:
        raise unfit(path, FAMILY.title, "its heads do not share its width")
    for key, value in _REQUIRED.items():
        if config.get(key, value) != value:
            raise unfit(path, FAMILY.title, f"its {key} is {config[key]!r}, not {value!r}")
    weights: dict[str, torch.Tensor] = {}
    for key, value in folder_tensors(path):
        name = key.removeprefix(_PREFIX)
        # What is left out: the pooler, and heads for other tasks.
        if name.startswith(_BODY):
            weights[name] = value
    refuse_misfits(path, FAMILY.title, parameter_shapes(shape), weights)
    return Checkpoint(shape, weights, read_tokens(path, shape.vocabulary))
