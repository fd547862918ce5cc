"""DNABERT's forward pass over packed tokens, up to the last layer wanted.

The same function as its makers' `BertModel`, without what embeddings do not need: padding, the
pooler, the layers above. Layer 0 is the embedded tokens after their norm, and each other layer ends
with a norm. Products may run in half precision, and on a GPU attention too; the residual, the
norms, the bias and the pooling are float32 always.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from tui_balancer.embedding.families.dnabert.weights import Weights, normed
from tui_balancer.embedding.forward.attention import attention_dtype, choose_biased_attention
from tui_balancer.embedding.forward.products import choose_products
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
        heads, width = weights.shape.heads, weights.shape.width
        self._attention = choose_biased_attention(
            weights.device, self._attention_dtype, heads, width // heads
        )
        self._bias = weights.bias_by_distance(1)

    @torch.inference_mode()
    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Return the rows of a batch, float32 on the device; see `BatchRows.joined`.

        Without waiting for them, where the device computes by itself.
        """
        weights, products, heads = self._weights, self._products, self._weights.shape.heads
        batch = batch.moved(weights.device)
        attention = self._attention(batch, self._bias_for(batch.longest))
        states = functional.embedding(batch.tokens, weights.embedding)
        rows = self._gathering.begin(batch)
        rows.layer(0, states)
        for number, layer in enumerate(weights.layers, start=1):
            inputs = states.to(weights.dtype)
            query, key, value = (
                products.linear(inputs, one).view(len(states), heads, -1).to(self._attention_dtype)
                for one in (layer.query, layer.key, layer.value)
            )
            values = attention(query, key, value).flatten(1).to(weights.dtype)
            states = normed(products.added(values, layer.output, states), layer.attention_norm)
            gated = products.gated(states.to(weights.dtype), layer.gate, layer.expand, "gelu")
            states = normed(products.added(gated, layer.contract, states), layer.feed_norm)
            rows.layer(number, states)
        return rows.joined()

    def _bias_for(self, longest: int) -> torch.Tensor:
        """Return the attention's bias for sequences of at least so many tokens."""
        if self._bias.shape[1] < 2 * longest - 1:
            self._bias = self._weights.bias_by_distance(longest)
        return self._bias
