"""What the packed forward pass takes from a checkpoint of ESM C."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from tui_balancer.embedding.families.esmc.family import EsmcShape
from tui_balancer.embedding.forward.products import Linear
from tui_balancer.embedding.packing import Packer

_DEEP = 36
"""Layers of a model whose residual branches count in full; by its square root, as it is trained."""

_EPSILON = 1e-5
_ROTATION_BASE = 10000.0

_LETTERS = "LAGVSERTIDPKQNFYMHWCXBUZO"
_FIRST_LETTER, _UNKNOWN, _BEGIN, _END = 4, 3, 0, 2


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one transformer layer; norms in float32, the rest in the products' format."""

    attention_norm: Linear
    query: Linear
    key: Linear
    value: Linear
    query_norm: Linear
    key_norm: Linear
    output: Linear
    feed_norm: Linear
    gate: Linear
    expand: Linear
    contract: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """What is needed for the representations up to one layer, on one device.

    Attributes:
        device: Where they are.
        dtype: Of products and attention.
        heads: Of the attention.
        scale: The model divides what each branch adds to the residual by this number. Ours is the
            residual times it instead, so that products add to it as they are.
        epsilon: Of the norms of the residual: for that of the model times `scale`.
        embedding: Of the tokens, times `scale`; float32 of shape (vocabulary, width).
        frequencies: By which positions turn each pair of a head's dimensions; of shape
            (width of a head / 2,).
        layers: Up to the chosen one.
        final_norm: After the model's last layer; None below it.
    """

    device: torch.device
    dtype: torch.dtype
    heads: int
    scale: float
    epsilon: float
    embedding: torch.Tensor
    frequencies: torch.Tensor
    layers: tuple[Layer, ...]
    final_norm: Linear | None


def take_weights(
    weights: Mapping[str, torch.Tensor],
    shape: EsmcShape,
    layer: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Weights:
    """Take the weights that are needed; on a CPU those in the right format are shared, not copied.

    Args:
        weights: By our names, see `names`, on the CPU.
        shape: Of the model.
        layer: The last whose representations are wanted, from 0 to the number of layers.
        device: Where to compute.
        dtype: Of products and attention.
    """

    def placed(name: str, dtype: torch.dtype) -> Linear:
        bias = weights.get(f"{name}.bias")
        return Linear(
            weights[f"{name}.weight"].to(device, dtype),
            None if bias is None else bias.to(device, dtype),
        )

    def taken(number: int) -> Layer:
        layer, attention = f"layers.{number}", f"layers.{number}.self_attn"
        return Layer(
            attention_norm=placed(f"{layer}.input_layernorm", torch.float32),
            query=placed(f"{attention}.q_proj", dtype),
            key=placed(f"{attention}.k_proj", dtype),
            value=placed(f"{attention}.v_proj", dtype),
            query_norm=placed(f"{attention}.q_norm", torch.float32),
            key_norm=placed(f"{attention}.k_norm", torch.float32),
            output=placed(f"{attention}.o_proj", dtype),
            feed_norm=placed(f"{layer}.post_attention_layernorm", torch.float32),
            gate=placed(f"{layer}.mlp.gate_proj", dtype),
            expand=placed(f"{layer}.mlp.up_proj", dtype),
            contract=placed(f"{layer}.mlp.down_proj", dtype),
        )

    scale, size = math.sqrt(shape.layers / _DEEP), shape.width // shape.heads
    frequencies = 1.0 / (_ROTATION_BASE ** (torch.arange(0, size, 2).float() / size))
    return Weights(
        device=device,
        dtype=dtype,
        heads=shape.heads,
        scale=scale,
        epsilon=_EPSILON * scale**2,
        embedding=(weights["embed_tokens.weight"].float() * scale).to(device),
        frequencies=frequencies.to(device),
        layers=tuple(map(taken, range(layer))),
        final_norm=placed("norm", torch.float32) if layer == shape.layers else None,
    )


def packer() -> Packer:
    """Return what makes batches of ESM C's tokens, which are in the order of ESM-2's."""
    letters = {letter: number for number, letter in enumerate(_LETTERS, _FIRST_LETTER)}
    return Packer(letters, _UNKNOWN, _BEGIN, _END)
