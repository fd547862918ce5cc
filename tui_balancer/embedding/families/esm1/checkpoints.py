"""Weights of ESM-1, ESM-1b and ESM-1v, in fair-esm's checkpoint format or Hugging Face's."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from esm.data import Alphabet
from esm.model.esm1 import ProteinBertModel

from tui_balancer.embedding.checkpoints.tensors import NotOfFamily, unfit, unpickled
from tui_balancer.embedding.fairesm.checkpoint import Checkpoint
from tui_balancer.embedding.fairesm.huggingface import Wanted, read_folder
from tui_balancer.embedding.fairesm.loading import Loader
from tui_balancer.embedding.fairesm.shape import FairEsmShape
from tui_balancer.embedding.families.esm1.family import FAMILY, Esm1bShape, Esm1Shape

_ESM1B, _ESM1 = "roberta_large", "protein_bert_base"
"""What their checkpoints call the architectures."""

_SHAPES: Mapping[str, tuple[type[FairEsmShape], str]] = MappingProxyType(
    {_ESM1B: (Esm1bShape, "encoder_"), _ESM1: (Esm1Shape, "decoder_")}
)
"""Their shapes, and how the names of their arguments may begin."""

_KEY_PREFIX = re.compile(r"^(encoder\.(sentence_encoder\.)?|decoder\.)")
_NORM_BEFORE = "emb_layer_norm_before.weight"
_FOLDER = Wanted(
    title=FAMILY.title,
    required=MappingProxyType(
        {
            "model_type": "esm",
            "position_embedding_type": "absolute",
            "layer_norm_eps": 1e-5,
            "hidden_act": "gelu",
        }
    ),
    shape=Esm1bShape,
    rotary=False,
)


def _read_folder(folder: Path) -> Checkpoint:
    return read_folder(folder, _FOLDER)


def _read_file(path: Path) -> Checkpoint:
    data = unpickled(path)
    given, state = data.get("args"), data.get("model")
    if not isinstance(given, argparse.Namespace):
        raise NotOfFamily(path, FAMILY.title, "it has no args")
    architecture = getattr(given, "arch", None)
    if not isinstance(architecture, str) or architecture not in _SHAPES:
        raise NotOfFamily(path, FAMILY.title, f"its architecture is {architecture!r}")
    kind, prefix = _SHAPES[architecture]
    arguments = {key.removeprefix(prefix): value for key, value in vars(given).items()}
    sizes = {"layers": "layers", "width": "embed_dim", "heads": "attention_heads"}
    if kind is Esm1bShape:
        sizes["positions"] = "max_positions"
    shape = kind(**{size: arguments.get(key, 0) for size, key in sizes.items()})
    if not shape.plausible:
        raise unfit(path, FAMILY.title, "it does not name its layers, width and heads")
    if not isinstance(state, Mapping):
        raise unfit(path, FAMILY.title, "it has no weights")
    weights = {_KEY_PREFIX.sub("", str(key)): value for key, value in state.items()}
    return Checkpoint(shape, bool(arguments.get("token_dropout", False)), weights)


def _build(checkpoint: Checkpoint, alphabet: Alphabet) -> ProteinBertModel:
    shape, weights = checkpoint.shape, checkpoint.weights
    arguments = argparse.Namespace(
        arch=_ESM1B if isinstance(shape, Esm1bShape) else _ESM1,
        layers=shape.layers,
        embed_dim=shape.width,
        ffn_embed_dim=4 * shape.width,
        attention_heads=shape.heads,
        token_dropout=checkpoint.token_dropout,
        emb_layer_norm_before=not weights or _NORM_BEFORE in weights,
        final_bias=not weights or "embed_out_bias" in weights,
    )
    if isinstance(shape, Esm1bShape):
        arguments.max_positions = shape.positions
        return ProteinBertModel(arguments, alphabet)
    model = ProteinBertModel(arguments, alphabet)
    # fair-esm leaves it to chance, since only its number format counts.
    model.embed_positions._float_tensor.zero_()
    return model


_LOADER = Loader(FAMILY.title, _read_file, _read_folder, _build, without_regression="esm1v")
read, load, require = _LOADER.read, _LOADER.load, _LOADER.require
