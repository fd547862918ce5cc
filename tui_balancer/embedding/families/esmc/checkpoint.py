"""ESM C weights: in Hugging Face's format, or as the makers' own `.pth` files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tui_balancer.embedding.checkpoints.huggingface import (
    CONFIG_NAME,
    read_json,
    read_tensors,
    weights_files,
)
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily, unfit, unpickled
from tui_balancer.embedding.families.esmc.family import FAMILY, EsmcShape, inner_width
from tui_balancer.embedding.families.esmc.names import parameter_shapes, renamed
from tui_balancer.errors import UserError

HEAD_WIDTH = 64
"""Of all published models; the makers' files do not say it."""

_SIZES = (
    ("num_hidden_layers", "n_layers"),
    ("hidden_size", "d_model"),
    ("num_attention_heads", "n_heads"),
)
"""What a config calls layers, width and heads: transformers' words, and those of the Hub's first
files."""

_BASE = 10000.0
"""Of the rotation's frequencies."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        shape: Of the model.
        weights: Of the body by our names, see `names`, in the number format of the file.
    """

    shape: EsmcShape
    weights: Mapping[str, torch.Tensor]


def read(path: Path) -> Checkpoint:
    """See `code.FamilyCode.read`."""
    if path.is_dir():
        shape = _shape_of_config(path, read_json(path / CONFIG_NAME))
        tensors: dict[str, object] = {}
        for file in weights_files(path):
            tensors.update(read_tensors(file))
        return _checked(path, shape, renamed(tensors))
    weights = renamed(unpickled(path))
    return _checked(path, _shape_of_weights(path, weights), weights)


def _shape_of_config(path: Path, config: Mapping[str, Any]) -> EsmcShape:
    kind = config.get("model_type")
    if kind != EsmcShape.family:
        raise NotOfFamily(path, FAMILY.title, f"its model_type is {kind!r}, not 'esmc'")
    layers, width, heads = (config.get(one, config.get(other, 0)) for one, other in _SIZES)
    sizes = (layers, width, heads)
    if not all(isinstance(one, int) and one > 0 for one in sizes) or width % (2 * heads):
        raise _refusal(path, f"{CONFIG_NAME} does not name its layers, width and heads")
    inner = config.get("intermediate_size", inner_width(width))
    if not isinstance(inner, int) or inner < 1:
        raise _refusal(path, f"its intermediate_size is {inner!r}")
    # What a config leaves out has the library's default, which is the right one.
    for key, right in _required(width, heads).items():
        if config.get(key, right) not in (right, None):
            raise _refusal(path, f"its {key} is {config[key]!r}, not {right!r}")
    return EsmcShape(layers, width, heads, inner)


def _required(width: int, heads: int) -> dict[str, object]:
    """Return what a config must say of a model with these sizes, if it says it."""
    return {
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "num_key_value_heads": heads,
        "head_dim": width // heads,
        "rope_theta": _BASE,
        "rope_parameters": {"rope_type": "default", "rope_theta": _BASE},
    }


def _shape_of_weights(path: Path, weights: Mapping[str, object]) -> EsmcShape:
    """Return the architecture of a file that has nothing but weights."""
    widths: list[int] = []
    for name in ("embed_tokens.weight", "layers.0.mlp.down_proj.weight"):
        matrix = weights.get(name)
        if not isinstance(matrix, torch.Tensor) or matrix.dim() != 2:
            raise NotOfFamily(path, FAMILY.title, f"it has no {name}, by whatever name")
        widths.append(matrix.shape[1])
    width, inner = widths
    layers = {name.split(".")[1] for name in weights if name.startswith("layers.")}
    if width % HEAD_WIDTH:
        raise _refusal(path, f"its width, {width}, is no multiple of {HEAD_WIDTH}")
    return EsmcShape(len(layers), width, width // HEAD_WIDTH, inner)


def _checked(path: Path, shape: EsmcShape, weights: Mapping[str, object]) -> Checkpoint:
    """Return the weights, which are those of such a model and no others."""
    expected = parameter_shapes(shape)
    for name in expected.keys() - weights.keys():
        raise _refusal(path, f"{name} is missing")
    checked: dict[str, torch.Tensor] = {}
    for name, value in weights.items():
        if name not in expected:
            raise _refusal(path, f"{name} is unknown")
        if not isinstance(value, torch.Tensor) or value.shape != expected[name]:
            raise _refusal(path, f"{name} has the wrong shape")
        checked[name] = value
    return Checkpoint(shape, checked)


def _refusal(path: Path, reason: str) -> UserError:
    return unfit(path, FAMILY.title, reason)
