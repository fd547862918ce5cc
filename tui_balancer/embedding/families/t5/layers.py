"""The encoders' forward pass over packed tokens, up to the last layer wanted.

The same function as transformers' `T5EncoderModel`, without what embeddings do not need: padding,
attention weights, the layers above. Layer 0 is the embedded tokens, the last one what comes out of
the final norm, and those between are the residual as it is: transformers' `hidden_states`. Products
may run in half precision, and on a GPU attention too; the residual, the norms, the bias and the
pooling are float32 always.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from tui_balancer.embedding.families.t5.weights import Layer, Weights
from tui_balancer.embedding.forward.attention import attention_dtype, choose_biased_attention
from tui_balancer.embedding.forward.products import choose_products
from tui_balancer.embedding.kinds.gathering import Gathering
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.representations import Representations

_EPSILON = 1e-6


class PackedForward:
    """The forward pass for any device: torch's public functions, and on a CPU faster ones."""

    def __init__(self, weights: Weights, kept: Representations) -> None:
        """Take the weights, which say where and in which format to compute, and what is kept."""
        self._weights, self._gathering = weights, Gathering(kept)
        self._products = choose_products(weights.device, weights.dtype)
        self._attention_dtype = attention_dtype(weights.device, weights.dtype)
        shape = weights.shape
        self._attention = choose_biased_attention(
            weights.device, self._attention_dtype, shape.heads, shape.head_width, scale=1.0
        )
        self._bias = weights.bias_by_distance(1)
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
        weights, heads = self._weights, self._weights.shape.heads
        batch = batch.moved(weights.device)
        states = functional.embedding(batch.tokens, weights.embedding)
        attention = self._attention(batch, self._bias_for(batch.longest))
        rows = self._gathering.begin(batch)
        rows.layer(0, states)
        projected = [functional.embedding(batch.tokens, table) for table in self._alphabet]
        for number, layer in enumerate(weights.layers, start=1):
            if number > 1:
                projected = self._projected(states, layer)
            query, key, value = (
                one.view(len(states), heads, -1).to(self._attention_dtype) for one in projected
            )
            values = attention(query, key, value).flatten(1).to(weights.dtype)
            states = self._products.added(values, layer.output, states)
            states = self._products.added(self._expanded(states, layer), layer.contract, states)
            if number == len(weights.layers) and weights.final_norm is not None:
                states = functional.rms_norm(states, states.shape[1:], weights.final_norm, _EPSILON)
            rows.layer(number, states)
        return rows.joined()

    def _projected(self, states: torch.Tensor, layer: Layer) -> list[torch.Tensor]:
        """Return queries, keys and values of states (T, D), of shape (T, heads · head width)."""
        normed = self._normed(states, layer.attention_norm)
        return [self._products.linear(normed, one) for one in (layer.query, layer.key, layer.value)]

    def _expanded(self, states: torch.Tensor, layer: Layer) -> torch.Tensor:
        """Return the hidden layer of the feed-forward."""
        normed = self._normed(states, layer.feed_norm)
        if layer.gate is None:
            return self._products.activated(normed, layer.expand, "relu")
        return self._products.gated(normed, layer.gate, layer.expand, "gelu_tanh")

    def _normed(self, states: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
        normed = functional.rms_norm(states, states.shape[1:], norm, _EPSILON)
        return normed.to(self._weights.dtype)

    def _bias_for(self, longest: int) -> torch.Tensor:
        """Return the attention's bias for sequences of at least so many tokens."""
        if self._bias.shape[1] < 2 * longest - 1:
            self._bias = self._weights.bias_by_distance(longest)
        return self._bias
