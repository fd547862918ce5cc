"""What the packed forward passes take from fair-esm's model and alphabet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from esm.data import Alphabet
from esm.model.esm2 import ESM2
from esm.modules import TransformerLayer

from tui_balancer.embedding.forward.products import Linear
from tui_balancer.embedding.kinds.contacts import ContactHead
from tui_balancer.embedding.packing import Packer

_TRAINING_MASK_RATIO = 0.15 * 0.8
"""Share of tokens masked in training: fair-esm scales the embedded tokens by what was left."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one transformer layer; norms in float32, the rest in the products' format."""

    attention_norm: Linear
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    feed_norm: Linear
    expand: Linear
    contract: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """What is needed for the representations up to one layer, on one device.

    Attributes:
        device: Where they are.
        dtype: Of products and attention.
        heads: Of the attention.
        embedding: Of the tokens, scaled as in training; float32 of shape (alphabet, width).
        frequencies: By which positions turn each pair of a head's dimensions; of shape
            (width of a head / 2,). Constants of the architecture: every layer has the same.
        layers: Up to the chosen one.
        final_norm: After the model's last layer; None below it.
    """

    device: torch.device
    dtype: torch.dtype
    heads: int
    embedding: torch.Tensor
    frequencies: torch.Tensor
    layers: tuple[Layer, ...]
    final_norm: Linear | None


def take_weights(
    model: ESM2, layer: int, device: torch.device, dtype: torch.dtype = torch.float32
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

    def taken(one: TransformerLayer) -> Layer:
        attention = one.self_attn
        return Layer(
            attention_norm=placed(one.self_attn_layer_norm, torch.float32),
            query=placed(attention.q_proj, dtype),
            key=placed(attention.k_proj, dtype),
            value=placed(attention.v_proj, dtype),
            output=placed(attention.out_proj, dtype),
            feed_norm=placed(one.final_layer_norm, torch.float32),
            expand=placed(one.fc1, dtype),
            contract=placed(one.fc2, dtype),
        )

    scale = 1 - _TRAINING_MASK_RATIO if model.token_dropout else 1.0
    last = layer == model.num_layers
    return Weights(
        device=device,
        dtype=dtype,
        heads=model.attention_heads,
        embedding=(model.embed_tokens.weight.detach() * scale).to(device),
        frequencies=model.layers[0].self_attn.rot_emb.inv_freq.to(device),
        layers=tuple(taken(one) for one in model.layers[:layer]),
        final_norm=placed(model.emb_layer_norm_after, torch.float32) if last else None,
    )


def take_contact_head(model: ESM2, device: torch.device) -> ContactHead:
    """Take the regression that predicts contacts."""
    regression = model.contact_head.regression
    weights = regression.weight.detach().view(model.num_layers, model.attention_heads)
    return ContactHead(weights.to(device), regression.bias.detach().to(device))


def packer(alphabet: Alphabet) -> Packer:
    """Return what makes batches of fair-esm's tokens."""
    letters = {one: alphabet.get_idx(one) for one in alphabet.all_toks if len(one) == 1}
    return Packer(letters, alphabet.unk_idx, alphabet.cls_idx, alphabet.eos_idx)
