"""What the packed forward passes take from fair-esm's models and alphabets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from esm.data import Alphabet
from esm.model.esm1 import ProteinBertModel
from esm.model.esm2 import ESM2
from esm.modules import TransformerLayer
from torch.nn import functional

from tui_balancer.embedding.forward.products import Linear
from tui_balancer.embedding.kinds.contacts import ContactHead
from tui_balancer.embedding.packing import PackedBatch, Packer

_TRAINING_MASK_RATIO = 0.15 * 0.8
"""Share of tokens masked in training: fair-esm scales the embedded tokens by what was left."""


class Null(NamedTuple):
    """A learned key and value that all tokens of a layer attend to; float32 (heads, width)."""

    key: torch.Tensor
    value: torch.Tensor


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one transformer layer; norms in float32, the rest in the products' format.

    `null` is ESM-1's alone: it stands for the last token of every sequence, see `packer`.
    """

    attention_norm: Linear
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    feed_norm: Linear
    expand: Linear
    contract: Linear
    null: Null | None


class Positions:
    """What is added to the embedded tokens for their positions."""

    def __init__(self, make: Callable[[int], torch.Tensor], device: torch.device) -> None:
        """Take what makes vectors for at least so many positions, of shape (positions, width)."""
        self._make, self._device = make, device
        self._table = torch.empty(0)

    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Return the vectors of a batch on the device, float32 of shape (T, width)."""
        if len(self._table) < batch.longest:
            self._table = self._make(batch.longest).to(self._device)
        return functional.embedding(batch.positions, self._table)


@dataclass(frozen=True, slots=True)
class Weights:
    """What is needed for the representations up to one layer, on one device.

    Attributes:
        device: Where they are.
        dtype: Of products and attention.
        heads: Of the attention.
        embedding: Of the tokens, scaled as in training; float32 of shape (alphabet, width).
        positions: Added to it; None where positions turn queries and keys instead.
        embedding_norm: Of the sum; None where there is none.
        frequencies: By which positions turn each pair of a head's dimensions; of shape
            (width of a head / 2,). Constants of the architecture: every layer has the same. None
            where nothing is turned.
        layers: Up to the chosen one.
        final_norm: After the model's last layer; None below it, and where there is none.
        epsilon: Of all layer norms.
    """

    device: torch.device
    dtype: torch.dtype
    heads: int
    embedding: torch.Tensor
    positions: Positions | None
    embedding_norm: Linear | None
    frequencies: torch.Tensor | None
    layers: tuple[Layer, ...]
    final_norm: Linear | None
    epsilon: float

    def embedded(self, batch: PackedBatch) -> torch.Tensor:
        """Return the states before the first layer, newly made; float32 of shape (T, width)."""
        states = functional.embedding(batch.tokens, self.embedding)
        if self.positions is not None:
            states += self.positions(batch)
        if self.embedding_norm is not None:
            states = self.normed(states, self.embedding_norm)
        return states

    def normed(self, states: torch.Tensor, norm: Linear) -> torch.Tensor:
        """Return the layer norm of states (T, width)."""
        return functional.layer_norm(states, states.shape[1:], *norm, self.epsilon)


def take_weights(
    model: ESM2 | ProteinBertModel,
    layer: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Weights:
    """Take the weights that are needed; float32 ones on a CPU are shared, not copied.

    Args:
        model: fair-esm's, in float32 on the CPU.
        layer: The last whose representations are wanted, from 0 to the number of layers.
        device: Where to compute.
        dtype: Of products and attention.
    """

    def placed(module: torch.nn.Module, dtype: torch.dtype) -> Linear:
        weight, bias = (
            module.get_parameter(name).detach().to(device, dtype) for name in ("weight", "bias")
        )
        return Linear(weight, bias)

    def norm(name: str) -> Linear | None:
        # A model without one has nothing, None or False in its place.
        module = getattr(model, name, None)
        return placed(module, torch.float32) if isinstance(module, torch.nn.Module) else None

    def taken(one: TransformerLayer) -> Layer:
        attention, null = one.self_attn, None
        if attention.bias_k is not None:
            null = Null(
                *(
                    bias.detach().view(one.attention_heads, -1).to(device)
                    for bias in (attention.bias_k, attention.bias_v)
                )
            )
        return Layer(
            attention_norm=placed(one.self_attn_layer_norm, torch.float32),
            query=placed(attention.q_proj, dtype),
            key=placed(attention.k_proj, dtype),
            value=placed(attention.v_proj, dtype),
            output=placed(attention.out_proj, dtype),
            feed_norm=placed(one.final_layer_norm, torch.float32),
            expand=placed(one.fc1, dtype),
            contract=placed(one.fc2, dtype),
            null=null,
        )

    first = model.layers[0]
    rotation = first.self_attn.rot_emb
    # ESM-1 keeps it among its arguments, ESM-2 itself.
    dropout = getattr(getattr(model, "args", model), "token_dropout", False)
    scale = model.embed_scale * (1 - _TRAINING_MASK_RATIO if dropout else 1.0)
    return Weights(
        device=device,
        dtype=dtype,
        heads=first.attention_heads,
        embedding=(model.embed_tokens.weight.detach() * scale).to(device),
        positions=_positions(model, device),
        embedding_norm=norm("emb_layer_norm_before"),
        frequencies=rotation.inv_freq.to(device) if rotation is not None else None,
        layers=tuple(taken(one) for one in model.layers[:layer]),
        final_norm=norm("emb_layer_norm_after") if layer == model.num_layers else None,
        epsilon=first.final_layer_norm.eps,
    )


def _positions(model: ESM2 | ProteinBertModel, device: torch.device) -> Positions | None:
    """Return the vectors of positions, which begin behind the number of the padding token."""
    module = getattr(model, "embed_positions", None)
    if module is None:
        return None
    first = module.padding_idx + 1
    if isinstance(module, torch.nn.Embedding):
        return Positions(lambda _: module.weight.detach()[first:], device)
    return Positions(lambda positions: module.get_embedding(first + positions)[first:], device)


def take_contact_head(model: ESM2 | ProteinBertModel, device: torch.device) -> ContactHead:
    """Take the regression that predicts contacts."""
    regression = model.contact_head.regression
    weights = regression.weight.detach().view(model.num_layers, -1)
    return ContactHead(weights.to(device), regression.bias.detach().to(device))


def packer(alphabet: Alphabet) -> Packer:
    """Return what makes batches of fair-esm's tokens.

    ESM-1 has no token after the residues. Padding stands there: its keys and values give way to
    those that each layer has learned, see `Layer`, so that attention over a sequence is exact.
    """
    letters = {one: alphabet.get_idx(one) for one in alphabet.all_toks if len(one) == 1}
    end = alphabet.eos_idx if alphabet.append_eos else alphabet.padding_idx
    return Packer(letters, alphabet.unk_idx, alphabet.cls_idx, end)
