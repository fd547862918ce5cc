"""The forward pass of fair-esm's models over packed tokens, up to the last layer wanted.

The same function as `ESM2.forward` or `ProteinBertModel.forward`, followed by what `extract.py`
keeps of it, without what that does not need: padding, attention weights, the layers above, the
language model head. Products and attention may run in half precision; the residual, the layer
norms, the rotation and the pooling are float32 always.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import torch
from torch.nn import functional

from tui_balancer.embedding.fairesm.weights import Layer, Weights
from tui_balancer.embedding.forward.attention import attention_dtype, choose_attention
from tui_balancer.embedding.forward.products import Linear, choose_products
from tui_balancer.embedding.forward.rotation import choose_rotation
from tui_balancer.embedding.kinds.gathering import Gathering
from tui_balancer.embedding.kinds.modules import Attended
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.representations import Representations

_log = logging.getLogger(__name__)


Attending = Callable[[PackedBatch], Attended]
"""Begins with what is kept of the attention of a batch."""


class Forward(Protocol):
    """A packed forward pass of one model on one device."""

    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Return the rows of a batch, float32 on the device; see `BatchRows.joined`.

        Without waiting for them, where the device computes by itself.
        """


class PackedForward:
    """The forward pass for any device: torch's public functions, and on a CPU faster ones.

    Those are oneDNN's products, or faster ones by C of our own, and attention by C of our own.
    """

    def __init__(
        self, weights: Weights, kept: Representations, attending: Attending | None = None
    ) -> None:
        """Take the weights, which say where and in which format to compute.

        Args:
            weights: Of the layers that are needed.
            kept: What is kept of them.
            attending: Where something is kept of the attention.
        """
        self._weights = weights
        self._gathering, self._attending = Gathering(kept), attending
        self._products = choose_products(weights.device, weights.dtype)
        self._attention_dtype = attention_dtype(weights.device, weights.dtype)
        self._attention = choose_attention(weights.device, self._attention_dtype)
        self._rotation = (
            choose_rotation(weights.frequencies, weights.heads)
            if weights.frequencies is not None
            else None
        )
        # Where positions are not added, the first layer knows a token by its letter alone: an
        # alphabet is all that it ever projects.
        self._alphabet = [
            table
            for first in (weights.layers[:1] if weights.positions is None else ())
            for table in self._projected(weights.embedding, first)
        ]

    @torch.inference_mode()
    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """See `Forward`."""
        weights, batch = self._weights, batch.moved(self._weights.device)
        states, attention = weights.embedded(batch), self._attention(batch)
        rotated = self._rotation(batch) if self._rotation is not None else None
        ends = batch.bounds[1:].long() - 1
        rows = self._gathering.begin(batch)
        attended = self._attending(batch) if self._attending is not None else None
        rows.layer(0, states)
        projected = [functional.embedding(batch.tokens, table) for table in self._alphabet]
        for number, layer in enumerate(weights.layers, start=1):
            if number > 1 or not projected:
                projected = self._projected(states, layer)
            query, key, value = (one.view(len(states), weights.heads, -1) for one in projected)
            if rotated is not None:
                query, key = rotated(query), rotated(key)
            query, key, value = (one.to(self._attention_dtype) for one in (query, key, value))
            if layer.null is not None:
                key[ends], value[ends] = (one.to(key.dtype) for one in layer.null)
            if attended is not None:
                attended.add(number - 1, query, key)
            values = attention(query, key, value).flatten(1).to(weights.dtype)
            states = self._products.added(values, layer.output, states)
            normed = self._normed(states, layer.feed_norm)
            expanded = self._products.activated(normed, layer.expand, "gelu")
            states = self._products.added(expanded, layer.contract, states)
            if number == len(weights.layers) and weights.final_norm is not None:
                states = weights.normed(states, weights.final_norm)
            rows.layer(number, states)
        return rows.joined(attended.parts() if attended is not None else None)

    def _projected(self, states: torch.Tensor, layer: Layer) -> list[torch.Tensor]:
        """Return queries, keys and values of states (T, D), of the same shape."""
        normed = self._normed(states, layer.attention_norm)
        return [self._products.linear(normed, one) for one in (layer.query, layer.key, layer.value)]

    def _normed(self, states: torch.Tensor, norm: Linear) -> torch.Tensor:
        return self._weights.normed(states, norm).to(self._weights.dtype)


def choose_forward(
    weights: Weights, kept: Representations, attending: Attending | None = None
) -> Forward:
    """Return the fastest forward pass that is right on the weights' device; see `PackedForward`.

    Triton's has no attention maps and no nulls, so what needs them is computed without it.
    """
    fusible = attending is None and all(layer.null is None for layer in weights.layers)
    if weights.device.type == "cuda" and fusible:
        try:
            from tui_balancer.embedding.fairesm.fused import FusedForward, kernels_are_right

            if kernels_are_right(weights.device):
                return FusedForward(weights, kept)
            _log.warning("Triton's kernels err here: computing without them, which is slower")
        # No Triton, no compiler, a cache folder that is read-only: each fails in its own way.
        except Exception as error:
            _log.warning("computing without Triton, which is slower: %r", error)
    return PackedForward(weights, kept, attending)
