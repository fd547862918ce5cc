"""ESM C's forward pass over packed tokens, up to the last layer wanted.

The same function as transformers' `EsmcModel`, and the makers' `ESMC`, without what embeddings do
not need: padding, attention weights, the layers above, the language model head. Layer 0 is the
embedded tokens, the last one what comes out of the final norm, and those between are the residual
as it is: transformers' `hidden_states`. Products and attention may run in half precision; the
residual, the norms, the rotation and the pooling are float32 always.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from tui_balancer.embedding.families.esmc.weights import Layer, Weights
from tui_balancer.embedding.forward.attention import attention_dtype, choose_attention
from tui_balancer.embedding.forward.products import Linear, choose_products
from tui_balancer.embedding.forward.rotation import choose_rotation
from tui_balancer.embedding.kinds.gathering import Gathering
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.representations import Representations


class PackedForward:
    """The forward pass for any device: torch's public functions, and on a CPU faster ones."""

    def __init__(self, weights: Weights, kept: Representations) -> None:
        """Take the weights, which say where and in which format to compute, and what is kept."""
        self._weights, self._gathering = weights, Gathering(kept)
        self._products = choose_products(weights.device, weights.dtype)
        self._attention_dtype = attention_dtype(weights.device, weights.dtype)
        self._attention = choose_attention(weights.device, self._attention_dtype)
        self._rotation = choose_rotation(weights.frequencies, weights.heads)
        # The first layer knows a token by its letter alone: an alphabet is all it ever projects.
        self._alphabet = [
            table
            for first in weights.layers[:1]
            for table in self._projected(weights.embedding, first)
        ]

    @torch.inference_mode()
    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Return the rows of a batch, float32 on the device; see `BatchRows.joined`.

        Without waiting for them, where the device computes by itself.
        """
        weights, batch = self._weights, batch.moved(self._weights.device)
        states = functional.embedding(batch.tokens, weights.embedding)
        rotated, attention = self._rotation(batch), self._attention(batch)
        rows = self._gathering.begin(batch)
        if 0 in self._gathering.kept.layers:
            rows.layer(0, states / weights.scale)
        projected = [functional.embedding(batch.tokens, table) for table in self._alphabet]
        for number, layer in enumerate(weights.layers, start=1):
            if number > 1:
                projected = self._projected(states, layer)
            query, key, value = (one.view(len(states), weights.heads, -1) for one in projected)
            query, key = (rotated(one).to(self._attention_dtype) for one in (query, key))
            values = attention(query, key, value.to(self._attention_dtype))
            values = values.flatten(1).to(weights.dtype)
            states = self._products.added(values, layer.output, states)
            normed = self._normed(states, layer.feed_norm)
            expanded = self._products.gated(normed, layer.gate, layer.expand, "silu")
            states = self._products.added(expanded, layer.contract, states)
            if number == len(weights.layers) and weights.final_norm is not None:
                width = states.shape[1:]
                norm = functional.layer_norm(states, width, *weights.final_norm, weights.epsilon)
                rows.layer(number, norm)
            elif number in self._gathering.kept.layers:
                rows.layer(number, states / weights.scale)
        return rows.joined()

    def _projected(self, states: torch.Tensor, layer: Layer) -> list[torch.Tensor]:
        """Return queries, keys and values of states (T, D), of the same shape."""
        normed = self._normed(states, layer.attention_norm)
        query, key, value = (
            self._products.linear(normed, one) for one in (layer.query, layer.key, layer.value)
        )
        return [
            functional.layer_norm(query.float(), query.shape[1:], *layer.query_norm),
            functional.layer_norm(key.float(), key.shape[1:], *layer.key_norm),
            value,
        ]

    def _normed(self, states: torch.Tensor, norm: Linear) -> torch.Tensor:
        width, weights = states.shape[1:], self._weights
        return functional.layer_norm(states, width, *norm, weights.epsilon).to(weights.dtype)
