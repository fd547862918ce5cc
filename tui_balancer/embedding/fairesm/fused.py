"""The packed forward pass for CUDA devices, with Triton's kernels between the products.

To import it is to need Triton.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch.nn import functional

from tui_balancer.embedding.fairesm.weights import Layer, Weights
from tui_balancer.embedding.forward import kernels
from tui_balancer.embedding.forward.attention import choose_attention
from tui_balancer.embedding.forward.products import Linear
from tui_balancer.embedding.kinds.gathering import Gathering
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.representations import Representations

_PROBE_ERROR = 1e-5
"""Of numbers around 1, in float32; a kernel that is wrong errs by as much as they are large."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer's weights, those of queries, keys and values in one product."""

    attention_norm: Linear
    together: Linear
    output: Linear
    feed_norm: Linear
    expand: Linear
    contract: Linear


class FusedForward:
    """The same function as `PackedForward`, in fewer and larger steps."""

    def __init__(self, weights: Weights, kept: Representations) -> None:
        """Take the weights, which say where and in which format to compute, and what is kept."""
        self._layers_kept = kept.layers
        self._gathering = Gathering(kept, faster={"mean": _residue_means})
        # Its layers have been taken over: twice they would cost a quarter of the card's weights.
        self._weights = replace(weights, layers=())
        self._layers = [_together(layer) for layer in weights.layers]
        self._attention = choose_attention(weights.device, weights.dtype)
        self._turns = torch.empty(0)

    @torch.inference_mode()
    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """See `Forward`."""
        weights = self._weights
        turns = self._turns_of(batch.longest)
        batch = batch.moved(weights.device)
        attention = self._attention(batch)
        states = weights.embedded(batch)
        rows = self._gathering.begin(batch)
        if 0 in self._layers_kept:
            # The layers add to these states in place.
            rows.layer(0, states.clone())
        change: torch.Tensor | None = None
        for number, layer in enumerate(self._layers, start=1):
            normed = kernels.add_norm(states, change, layer.attention_norm, weights.dtype)
            together = functional.linear(normed, *layer.together)
            if turns is not None:
                kernels.rotate(together, batch.positions, turns, weights.heads)
            query, key, value = together.view(len(states), 3, weights.heads, -1).unbind(1)
            change = functional.linear(attention(query, key, value).flatten(1), *layer.output)
            normed = kernels.add_norm(states, change, layer.feed_norm, weights.dtype)
            expanded = functional.gelu(functional.linear(normed, *layer.expand))
            change = functional.linear(expanded, *layer.contract)
            if number == len(self._layers) and weights.final_norm is not None:
                normed = kernels.add_norm(states, change, weights.final_norm, torch.float32)
                rows.layer(number, normed)
            elif number in self._layers_kept:
                rows.layer(number, states + change)
        return rows.joined()

    def _turns_of(self, positions: int) -> torch.Tensor | None:
        """Return cosines and sines for at least so many positions; see `kernels.rotate`.

        None where nothing is turned.
        """
        frequencies = self._weights.frequencies
        if frequencies is None:
            return None
        if len(self._turns) < positions:
            angles = torch.arange(positions, device=frequencies.device)[:, None] * frequencies
            self._turns = torch.cat((angles.cos(), angles.sin()), dim=1)
        return self._turns


def _residue_means(states: torch.Tensor, batch: PackedBatch) -> torch.Tensor:
    return kernels.residue_means(states, batch.bounds)


def _together(layer: Layer) -> _Layer:
    parts = (layer.query, layer.key, layer.value)
    return _Layer(
        attention_norm=layer.attention_norm,
        together=Linear(
            torch.cat([one.weight for one in parts]),
            torch.cat([one.bias for one in parts if one.bias is not None]),
        ),
        output=layer.output,
        feed_norm=layer.feed_norm,
        expand=layer.expand,
        contract=layer.contract,
    )


@torch.inference_mode()
def kernels_are_right(device: torch.device, heads: int = 3, head_width: int = 12) -> bool:
    """Whether the kernels compute what torch's public functions do.

    Args:
        device: Where to compute.
        heads: Of the attention.
        head_width: Its width, an even number.

    Raises:
        Exception: They cannot be compiled here, in one of many ways.
    """
    generator = torch.Generator().manual_seed(0)
    lengths = (3, 40)
    width, tokens = heads * head_width, sum(lengths)

    def made(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    states, added, norm = made(tokens, width), made(tokens, width), Linear(made(width), made(width))
    total = states + added
    normed = kernels.add_norm(states, added, norm, torch.float32)
    pairs = [(states, total), (normed, functional.layer_norm(total, (width,), *norm))]

    positions = torch.arange(tokens, device=device) % 7
    turns, together = made(7, head_width), made(tokens, 3 * width)
    cosine, sine = turns[positions][:, None, None].chunk(2, dim=-1)
    first, second = together.view(tokens, 3, heads, -1)[:, :2].clone().chunk(2, dim=-1)
    turned = torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
    values = together[:, 2 * width :].clone()
    kernels.rotate(together, positions, turns, heads)
    pairs += [(together[:, : 2 * width], turned.flatten(1)), (together[:, 2 * width :], values)]

    bounds = torch.tensor((0, *lengths), dtype=torch.int32).cumsum(0, dtype=torch.int32)
    means = kernels.residue_means(states, bounds.to(device))
    parts = [states[start + 1 : end - 1] for start, end in pairwise(bounds.tolist())]
    pairs.append((means, torch.stack([part.mean(0) for part in parts])))
    return all(torch.allclose(got, want, atol=_PROBE_ERROR) for got, want in pairs)
