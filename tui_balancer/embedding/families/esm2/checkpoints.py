"""Reading and loading ESM-2 weights, in fair-esm's checkpoint format or Hugging Face's."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

from esm.data import Alphabet
from esm.model.esm2 import ESM2

from tui_balancer.embedding.checkpoints.sources import read_again
from tui_balancer.embedding.checkpoints.tensors import unpickled
from tui_balancer.embedding.fairesm.loading import (
    LoadedModel,
    filled,
    refuse_misfits,
    without_storage,
)
from tui_balancer.embedding.fairesm.regression import read_regression
from tui_balancer.embedding.families.esm2.checkpoint import Checkpoint, is_plausible, not_esm2
from tui_balancer.embedding.families.esm2.family import FAMILY, Esm2Shape
from tui_balancer.embedding.families.esm2.huggingface import read_folder
from tui_balancer.embedding.families.seeded import seeded_weights
from tui_balancer.embedding.models import ModelShape, ModelSource

_KEY_PREFIX = re.compile(r"^encoder\.(sentence_encoder\.)?")
_SHAPE_ARGUMENTS = ("encoder_layers", "encoder_embed_dim", "encoder_attention_heads")


def load(source: ModelSource, scratch: Path | None = None) -> LoadedModel:
    """See `code.load`."""
    alphabet = Alphabet.from_architecture("ESM-1b")
    if source.checkpoint is None:
        weights, sha256 = seeded_weights(
            source, lambda: _model(source.shape, alphabet).state_dict(), scratch
        )
        model = without_storage(lambda: _model(source.shape, alphabet))
        return LoadedModel(filled(model, weights), alphabet, source.shape, sha256)
    checkpoint = read_again(source, read)
    model = _empty(checkpoint, alphabet)
    weights = {**checkpoint.weights, **read_regression(source.checkpoint)}
    return LoadedModel(filled(model, weights), alphabet, checkpoint.shape, source.sha256)


def read(path: Path) -> Checkpoint:
    """See `code.FamilyCode.read`."""
    checkpoint = read_folder(path) if path.is_dir() else _read_file(path)
    expected = _empty(checkpoint, Alphabet.from_architecture("ESM-1b"))
    refuse_misfits(path, FAMILY.title, expected, checkpoint.weights)
    return checkpoint


def _read_file(path: Path) -> Checkpoint:
    data = unpickled(path)
    config, state = data.get("cfg"), data.get("model")
    arguments = vars(config["model"]) if _is_configuration(config) else {}
    shape = Esm2Shape(*(arguments.get(key, 0) for key in _SHAPE_ARGUMENTS))
    if not is_plausible(shape):
        raise not_esm2(path, "it does not name its layers, width and heads")
    if not isinstance(state, Mapping):
        raise not_esm2(path, "it has no weights")
    weights = {_KEY_PREFIX.sub("", str(key)): value for key, value in state.items()}
    return Checkpoint(shape, bool(arguments.get("token_dropout", True)), weights)


def _is_configuration(config: object) -> TypeGuard[Mapping[str, argparse.Namespace]]:
    return isinstance(config, Mapping) and isinstance(config.get("model"), argparse.Namespace)


def _empty(checkpoint: Checkpoint, alphabet: Alphabet) -> ESM2:
    return without_storage(lambda: _model(checkpoint.shape, alphabet, checkpoint.token_dropout))


def _model(shape: ModelShape, alphabet: Alphabet, token_dropout: bool = True) -> ESM2:
    return ESM2(shape.layers, shape.width, shape.heads, alphabet, token_dropout)
