"""ESM-2's forward pass over packed tokens, on fair-esm's weights, up to the chosen layer.

The same function as fair-esm's `ESM2.forward` followed by the mean over the residues, without
what an embedding does not need: padding, attention weights, the layers above, the language
model head. Products and attention may run in half precision; the residual, the layer norms,
the rotation and the pooling are float32 always.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from esm.model.esm2 import ESM2
from esm.modules import TransformerLayer
from torch.nn import functional

from tui_balancer.embedding.attention import choose_attention
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.embedding.products import Linear, choose_products

_TRAINING_MASK_RATIO = 0.15 * 0.8
"""Share of tokens masked in training: fair-esm scales the embedded tokens by what was left."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of one transformer layer; norms in float32, the rest in the products' format."""

    attention_norm: Linear
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    feed_norm: Linear
    expand: Linear
    contract: Linear


class PackedForward:
    """The packed forward pass of one model on one device."""

    def __init__(
        self, model: ESM2, layer: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        """Take the weights that are needed; float32 ones on a CPU are shared, not copied.

        Args:
            model: fair-esm's, in float32 on the CPU.
            layer: Whose representations are pooled, from 0 to the number of layers.
            device: Where to compute.
            dtype: Of products and attention.
        """
        self._device, self._dtype = device, dtype
        self._heads = model.attention_heads
        scale = 1 - _TRAINING_MASK_RATIO if model.token_dropout else 1.0
        self._embedding = (model.embed_tokens.weight.detach() * scale).to(device)
        self._layers = [self._taken(one) for one in model.layers[:layer]]
        # Constants of the architecture: every layer has the same.
        self._frequencies = model.layers[0].self_attn.rot_emb.inv_freq.to(device)
        self._final_norm: Linear | None = None
        if layer == model.num_layers:
            self._final_norm = self._placed(model.emb_layer_norm_after, torch.float32)
        self._products = choose_products(device, dtype)
        # A CPU's attention in half precision is less exact and no faster.
        self._attention_dtype = torch.float32 if device.type == "cpu" else dtype
        self._attention = choose_attention(device, self._attention_dtype)

    @torch.inference_mode()
    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Return the mean over each sequence's residues: float32 on the device, (B, width)."""
        tokens, positions = (self._moved(one) for one in (batch.tokens, batch.positions))
        states = functional.embedding(tokens, self._embedding)
        turns = self._turns(positions)
        attention = self._attention(batch)
        for layer in self._layers:
            normed = self._normed(states, layer.attention_norm)
            query, key, value = (
                self._products.linear(normed, one).view(len(normed), self._heads, -1)
                for one in (layer.query, layer.key, layer.value)
            )
            query, key = (_rotated(one, turns).to(self._attention_dtype) for one in (query, key))
            value = value.to(self._attention_dtype)
            attended = attention(query, key, value).flatten(1).to(self._dtype)
            states = self._products.added(attended, layer.output, states)
            expanded = self._products.gelu(self._normed(states, layer.feed_norm), layer.expand)
            states = self._products.added(expanded, layer.contract, states)
        if self._final_norm is not None:
            states = functional.layer_norm(states, states.shape[1:], *self._final_norm)
        return torch.cat(
            [
                # BOS is the first token of a sequence, EOS the last.
                states[run.tokens].view(run.count, run.length, -1)[:, 1:-1].mean(1)
                for run in batch.runs
            ]
        )

    def _turns(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the rotation of each pair of a head's dimensions as a complex number.

        Of shape (T, heads, width of a head / 2); see Su et al. 2021, "RoFormer", section 3.2.
        """
        angles = positions[:, None] * self._frequencies
        turns = torch.complex(angles.cos(), angles.sin())
        return turns[:, None, :].expand(-1, self._heads, -1).contiguous()

    def _normed(self, states: torch.Tensor, norm: Linear) -> torch.Tensor:
        return functional.layer_norm(states, states.shape[1:], *norm).to(self._dtype)

    def _moved(self, indices: torch.Tensor) -> torch.Tensor:
        """Return indices on the device; from pinned memory the copy overlaps with kernels."""
        if self._device.type == "cuda":
            indices = indices.pin_memory()
        return indices.to(self._device, non_blocking=True)

    def _taken(self, layer: TransformerLayer) -> _Layer:
        attention = layer.self_attn
        return _Layer(
            attention_norm=self._placed(layer.self_attn_layer_norm, torch.float32),
            query=self._placed(attention.q_proj, self._dtype),
            key=self._placed(attention.k_proj, self._dtype),
            value=self._placed(attention.v_proj, self._dtype),
            output=self._placed(attention.out_proj, self._dtype),
            feed_norm=self._placed(layer.final_layer_norm, torch.float32),
            expand=self._placed(layer.fc1, self._dtype),
            contract=self._placed(layer.fc2, self._dtype),
        )

    def _placed(self, module: torch.nn.Module, dtype: torch.dtype) -> Linear:
        weight, bias = (
            module.get_parameter(name).detach().to(self._device, dtype)
            for name in ("weight", "bias")
        )
        return Linear(weight, bias)


def _rotated(states: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Return queries or keys of shape (T, heads, width) rotated by their positions, in float32.

    A head's dimensions i and i + width/2 are a pair. The pairs come out side by side, unlike
    in fair-esm: the scores do not change when queries and keys are reordered alike.
    """
    first, second = states.float().chunk(2, dim=-1)
    return torch.view_as_real(torch.complex(first, second) * turns).flatten(-2)
