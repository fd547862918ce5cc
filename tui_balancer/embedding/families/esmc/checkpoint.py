"""ESM C weights: in Hugging Face's format, or as the makers' own `.pth` files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tui_balancer.embedding.checkpoints.huggingface import CONFIG_NAME, folder_tensors, read_json
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily, refuse_misfits, unfit, unpickled
from tui_balancer.embedding.families.esmc.family import FAMILY, EsmcShape, inner_width
from tui_balancer.embedding.families.esmc.names import parameter_shapes, renamed

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
        weights = renamed(dict(folder_tensors(path)))
    else:
        weights = renamed(unpickled(path))
        shape = _shape_of_weights(path, weights)
    refuse_misfits(path, FAMILY.title, parameter_shapes(shape), weights)
    return Checkpoint(shape, weights)


def _shape_of_config(path: Path, config: Mapping[str, Any]) -> EsmcShape:
    kind = config.get("model_type")
    if kind != EsmcShape.family:
        raise NotOfFamily(path, FAMILY.title, f"its model_type is {kind!r}, not 'esmc'")
    layers, width, heads = (config.get(one, config.get(other, 0)) for one, other in _SIZES)
    sizes = (layers, width, heads)
    if not all(isinstance(one, int) and one > 0 for one in sizes) or width % (2 * heads):
        raise unfit(path, FAMILY.title, f"{CONFIG_NAME} does not name its layers, width and heads")
    inner = config.get("intermediate_size", inner_width(width))
    if not isinstance(inner, int) or inner < 1:
        raise unfit(path, FAMILY.title, f"its intermediate_size is {inner!r}")
    # What a config leaves out has the library's default, which is the right one.
    for key, right in _required(width, heads).items():
        if config.get(key, right) not in (right, None):
            raise unfit(path, FAMILY.title, f"its {key} is {config[key]!r}, not {right!r}")
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
        raise unfit(path, FAMILY.title, f"its width, {width}, is no multiple of {HEAD_WIDTH}")
    return EsmcShape(len(layers), width, width // HEAD_WIDTH, inner)
