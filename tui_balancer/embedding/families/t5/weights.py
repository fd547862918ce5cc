"""What the packed forward pass takes from the weights of an encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from tui_balancer.embedding.families.t5.family import T5Shape
from tui_balancer.embedding.families.t5.huggingface import BIAS, EMBEDDING, FINAL_NORM
from tui_balancer.embedding.families.t5.tokens import Tokens
from tui_balancer.embedding.forward.products import Linear
from tui_balancer.embedding.packing import Packer


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer; norms in float32, the rest in the products' format."""

    attention_norm: torch.Tensor
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    feed_norm: torch.Tensor
    gate: Linear | None
    expand: Linear
    contract: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """What is needed for the representations up to one layer, on one device.

    Attributes:
        device: Where they are.
        dtype: Of products and attention.
        shape: Of the model.
        embedding: Of the tokens; float32 of shape (vocabulary, width).
        bias: Of the attention of all layers; float32 of shape (buckets, heads).
        layers: Up to the chosen one.
        final_norm: After the model's last layer; None below it.
    """

    device: torch.device
    dtype: torch.dtype
    shape: T5Shape
    embedding: torch.Tensor
    bias: torch.Tensor
    layers: tuple[Layer, ...]
    final_norm: torch.Tensor | None

    def bias_by_distance(self, longest: int) -> torch.Tensor:
        """Return the bias of the attention as `attention.by_distance` takes it.

        Args:
            longest: Tokens of the longest sequence.
        """
        distances = torch.arange(1 - longest, longest, device=self.device)
        numbers = bucket(distances, self.shape.buckets, self.shape.distance)
        return self.bias[numbers].T.contiguous()


def bucket(distances: torch.Tensor, buckets: int, farthest: int) -> torch.Tensor:
    """Return the buckets of distances, key - query: Raffel et al. 2020, section 2.1.

    Half are for keys behind the query; of each half, half are for one distance each, the others
    for ranges that grow with the logarithm. In float32 as transformers computes them, whose
    rounding decides where a range ends.

    Args:
        distances: Whole numbers.
        buckets: How many there are.
        farthest: From which all distances are one.
    """
    half = buckets // 2
    single = half // 2
    far = distances.abs()
    ranges = torch.log(far.float() / single) / math.log(farthest / single) * (half - single)
    # The logarithm of 0 is never taken: a small distance has its own bucket.
    grown = (single + torch.where(far < single, 0.0, ranges).long()).clamp(max=half - 1)
    return (distances > 0) * half + torch.where(far < single, far, grown)


def take_weights(
    weights: Mapping[str, torch.Tensor],
    shape: T5Shape,
    layer: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Weights:
    """Take the weights that are needed; on a CPU those in the right format are shared, not copied.

    Args:
        weights: By Hugging Face's names, on the CPU.
        shape: Of the model.
        layer: The last whose representations are wanted, from 0 to the number of layers.
        device: Where to compute.
        dtype: Of products and attention.
    """

    def exact(name: str) -> torch.Tensor:
        return weights[name].to(device, torch.float32)

    def placed(name: str) -> Linear:
        return Linear(weights[f"{name}.weight"].to(device, dtype))

    def taken(number: int) -> Layer:
        attention = f"encoder.block.{number}.layer.0"
        feed = f"encoder.block.{number}.layer.1"
        expand = "wi_1" if shape.gated else "wi"
        return Layer(
            attention_norm=exact(f"{attention}.layer_norm.weight"),
            query=placed(f"{attention}.SelfAttention.q"),
            key=placed(f"{attention}.SelfAttention.k"),
            value=placed(f"{attention}.SelfAttention.v"),
            output=placed(f"{attention}.SelfAttention.o"),
            feed_norm=exact(f"{feed}.layer_norm.weight"),
            gate=placed(f"{feed}.DenseReluDense.wi_0") if shape.gated else None,
            expand=placed(f"{feed}.DenseReluDense.{expand}"),
            contract=placed(f"{feed}.DenseReluDense.wo"),
        )

    return Weights(
        device=device,
        dtype=dtype,
        shape=shape,
        embedding=exact(EMBEDDING),
        bias=exact(BIAS),
        layers=tuple(map(taken, range(layer))),
        final_norm=exact(FINAL_NORM) if layer == shape.layers else None,
    )


def packer(tokens: Tokens) -> Packer:
    """Return what makes batches of a model's tokens."""
    return Packer(tokens.letters, tokens.unknown, tokens.prefix, tokens.end)
