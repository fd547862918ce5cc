"""What the packed forward pass takes from DNABERT's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

from tui_balancer.embedding.families.dnabert.family import DnabertShape
from tui_balancer.embedding.families.dnabert.huggingface import NORM, TYPES, WORDS, layer_name
from tui_balancer.embedding.forward.products import Linear

EPSILON = 1e-12
"""Of the norms."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer; norms in float32, the rest in the products' format."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    attention_norm: Linear
    gate: Linear
    expand: Linear
    contract: Linear
    feed_norm: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """What is needed for the representations up to one layer, on one device.

    Attributes:
        device: Where they are.
        dtype: Of products and attention.
        shape: Of the model.
        embedding: Each token's state before the first layer, which no other token changes; float32
            of shape (vocabulary, width).
        slopes: Of the attention's bias, by head; float32.
        layers: Up to the chosen one.
    """

    device: torch.device
    dtype: torch.dtype
    shape: DnabertShape
    embedding: torch.Tensor
    slopes: torch.Tensor
    layers: tuple[Layer, ...]

    def bias_by_distance(self, longest: int) -> torch.Tensor:
        """Return the bias of the attention, −slope·|distance|, as `attention.by_distance` takes it.

        Args:
            longest: Tokens of the longest sequence.
        """
        distances = torch.arange(1 - longest, longest, device=self.device)
        return self.slopes[:, None] * -distances.abs()


def slopes(heads: int) -> list[float]:
    """Return the slopes of ALiBi: Press et al. 2022, "Train short, test long".

    2^(−8i/n) for head i of n, if n is a power of 2. Else the slopes of the largest such number
    below n, and then every other one of those of twice that number, as its authors' code has them.
    """
    least = 2 ** int(math.log2(heads))
    found = [2 ** (-8 * number / least) for number in range(1, least + 1)]
    if least < heads:
        found += slopes(2 * least)[0::2][: heads - least]
    return found


def normed(states: torch.Tensor, norm: Linear) -> torch.Tensor:
    """Return the layer norm of states (T, D)."""
    return functional.layer_norm(states, states.shape[1:], *norm, EPSILON)


@torch.inference_mode()
def take_weights(
    weights: Mapping[str, torch.Tensor],
    shape: DnabertShape,
    layer: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Weights:
    """Take the weights that are needed; on a CPU those in the right format are shared, not copied.

    Args:
        weights: By the makers' names without prefix, on the CPU.
        shape: Of the model.
        layer: The last whose representations are wanted, from 0 to the number of layers.
        device: Where to compute.
        dtype: Of products and attention.
    """

    def placed(name: str, dtype: torch.dtype) -> Linear:
        weight, bias = (weights.get(f"{name}.{one}") for one in ("weight", "bias"))
        assert weight is not None, "its names were checked"
        return Linear(weight.to(device, dtype), None if bias is None else bias.to(device, dtype))

    def taken(number: int) -> Layer:
        together = placed(layer_name(number, "attention.self.Wqkv"), dtype)
        assert together.bias is not None, "its names were checked"
        query, key, value = map(Linear, together.weight.chunk(3), together.bias.chunk(3))
        gate, expand = placed(layer_name(number, "mlp.gated_layers"), dtype).weight.chunk(2)
        return Layer(
            query=query,
            key=key,
            value=value,
            output=placed(layer_name(number, "attention.output.dense"), dtype),
            attention_norm=placed(layer_name(number, "attention.output.LayerNorm"), torch.float32),
            gate=Linear(gate),
            expand=Linear(expand),
            contract=placed(layer_name(number, "mlp.wo"), dtype),
            feed_norm=placed(layer_name(number, "mlp.layernorm"), torch.float32),
        )

    words, types = (weights[name].to(device, torch.float32) for name in (WORDS, TYPES))
    return Weights(
        device=device,
        dtype=dtype,
        shape=shape,
        embedding=normed(words + types[0], placed(NORM, torch.float32)),
        slopes=torch.tensor(slopes(shape.heads), device=device),
        layers=tuple(map(taken, range(layer))),
    )
