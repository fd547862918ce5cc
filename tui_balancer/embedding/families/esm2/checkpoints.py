"""ESM-2 weights, in fair-esm's checkpoint format or Hugging Face's."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from esm.data import Alphabet
from esm.model.esm2 import ESM2

from tui_balancer.embedding.checkpoints.tensors import NotOfFamily, unfit, unpickled
from tui_balancer.embedding.fairesm.checkpoint import Checkpoint
from tui_balancer.embedding.fairesm.huggingface import Wanted, read_folder
from tui_balancer.embedding.fairesm.loading import Loader
from tui_balancer.embedding.families.esm2.family import FAMILY, Esm2Shape

_KEY_PREFIX = re.compile(r"^encoder\.(sentence_encoder\.)?")
_SHAPE_ARGUMENTS = ("encoder_layers", "encoder_embed_dim", "encoder_attention_heads")
_FOLDER = Wanted(
    title=FAMILY.title,
    required=MappingProxyType(
        {
            "model_type": "esm",
            "position_embedding_type": "rotary",
            "layer_norm_eps": 1e-5,
            "hidden_act": "gelu",
        }
    ),
    shape=lambda layers, width, heads, _: Esm2Shape(layers, width, heads),
    rotary=True,
)


def _read_folder(folder: Path) -> Checkpoint:
    return read_folder(folder, _FOLDER)


def _read_file(path: Path) -> Checkpoint:
    data = unpickled(path)
    config, state = data.get("cfg"), data.get("model")
    if not _is_configuration(config):
        raise NotOfFamily(path, FAMILY.title, "it does not name its layers, width and heads")
    arguments = vars(config["model"])
    shape = Esm2Shape(*(arguments.get(key, 0) for key in _SHAPE_ARGUMENTS))
    if not shape.plausible:
        raise unfit(path, FAMILY.title, "it does not name its layers, width and heads")
    if not isinstance(state, Mapping):
        raise unfit(path, FAMILY.title, "it has no weights")
    weights = {_KEY_PREFIX.sub("", str(key)): value for key, value in state.items()}
    return Checkpoint(shape, bool(arguments.get("token_dropout", True)), weights)


def _is_configuration(config: object) -> TypeGuard[Mapping[str, argparse.Namespace]]:
    return isinstance(config, Mapping) and isinstance(config.get("model"), argparse.Namespace)


def _build(checkpoint: Checkpoint, alphabet: Alphabet) -> ESM2:
    shape = checkpoint.shape
    return ESM2(shape.layers, shape.width, shape.heads, alphabet, checkpoint.token_dropout)


_LOADER = Loader(FAMILY.title, _read_file, _read_folder, _build)
read, load, require = _LOADER.read, _LOADER.load, _LOADER.require
