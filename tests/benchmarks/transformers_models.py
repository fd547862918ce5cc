"""Models of `transformers` with a shape of ours and random weights, to compare speeds with.

It has no DNABERT: its makers' is written here as they wrote it, with torch's fused attention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional
from transformers import EsmConfig, EsmModel, T5EncoderModel

from tests.support.dnabert import MASKED, alibi_slopes
from tests.support.t5 import config_of
from tui_balancer.embedding.families.dnabert.family import DnabertShape
from tui_balancer.embedding.families.dnabert.tokens import untrained_tokens
from tui_balancer.embedding.families.esm1.family import Esm1bShape
from tui_balancer.embedding.families.esmc.family import EsmcShape
from tui_balancer.embedding.families.t5.family import T5Shape
from tui_balancer.embedding.models import ModelShape

VOCABULARY, PADDING, LETTERS = 33, 1, range(4, 24)
"""Of ESM-2; which letters there are makes no difference to the speed of any model."""


def model_of(shape: ModelShape, device: str, dtype: torch.dtype) -> torch.nn.Module:
    """Return a model for inference, with torch's fused attention."""
    with torch.device(device):
        model: torch.nn.Module = _MODELS[shape.family](shape)
    return model.eval().to(device, dtype)


def esm_config(shape: ModelShape, **others: Any) -> EsmConfig:
    """Return an architecture of fair-esm's in transformers' words."""
    return EsmConfig(
        **_common(shape),
        mask_token_id=32,
        intermediate_size=4 * shape.width,
        token_dropout=True,
        **{"position_embedding_type": "rotary", **others},
    )


def padded_tokens(texts: list[str], shape: ModelShape) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tokens and mask of a batch, int64 of shape (sequences, longest)."""
    if isinstance(shape, DnabertShape):
        lengths = untrained_tokens(shape.vocabulary).pack(texts).bounds.diff()
    else:
        lengths = torch.tensor([shape.alphabet.tokens(len(text)) for text in texts])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    tokens = torch.randint(LETTERS.start, LETTERS.stop, mask.shape)
    return torch.where(mask, tokens, PADDING), mask.long()


def _common(shape: ModelShape) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY,
        "pad_token_id": PADDING,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
    }


def _esm(shape: ModelShape, **others: Any) -> torch.nn.Module:
    config = esm_config(shape, **others)
    model: torch.nn.Module = EsmModel._from_config(
        config, attn_implementation="sdpa", add_pooling_layer=False
    )
    return model


def _esm1(shape: ModelShape) -> torch.nn.Module:
    assert isinstance(shape, Esm1bShape), "transformers has no ESM-1"
    return _esm(
        shape,
        position_embedding_type="absolute",
        max_position_embeddings=shape.positions + 2,
        emb_layer_norm_before=True,
    )


def _esmc(shape: ModelShape) -> torch.nn.Module:
    # Older versions have no ESM C, and yet the others.
    from transformers import EsmcConfig, EsmcModel

    assert isinstance(shape, EsmcShape), "of this family"
    config = EsmcConfig(**_common(shape), intermediate_size=shape.inner)
    model: torch.nn.Module = EsmcModel._from_config(config, attn_implementation="sdpa")
    return model


def _t5(shape: ModelShape) -> torch.nn.Module:
    assert isinstance(shape, T5Shape), "of this family"
    config = config_of(shape, 128, pad_token_id=PADDING)
    model: torch.nn.Module = T5EncoderModel._from_config(config, attn_implementation="sdpa")
    return model


class _Dnabert(torch.nn.Module):
    """`BertModel` of `bert_layers.py`, see `tests.support.dnabert`."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        assert isinstance(shape, DnabertShape), "of this family"
        self.embedding = torch.nn.Embedding(shape.vocabulary, shape.width)
        self.layers = torch.nn.ModuleList(_DnabertLayer(shape) for _ in range(shape.layers))
        self.slopes = torch.tensor(alibi_slopes(shape.heads))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        """Return the last hidden states, (sequences, longest, width)."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        distance = (places[None, :] - places[:, None]).abs()
        padding = (1.0 - attention_mask)[:, None, None, :] * MASKED
        bias = padding - self.slopes.to(input_ids.device)[:, None, None] * distance
        states = self.embedding(input_ids)
        for layer in self.layers:
            states = layer(states, bias.to(states.dtype))
        return SimpleNamespace(last_hidden_state=states)


class _DnabertLayer(torch.nn.Module):
    def __init__(self, shape: DnabertShape) -> None:
        super().__init__()
        width, inner, self.heads = shape.width, shape.inner, shape.heads
        self.together = torch.nn.Linear(width, 3 * width)
        self.output = torch.nn.Linear(width, width)
        self.gated = torch.nn.Linear(width, 2 * inner, bias=False)
        self.contract = torch.nn.Linear(inner, width)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width, 1e-12) for _ in range(2))

    def forward(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        together = self.together(states).unflatten(2, (3, self.heads, -1))
        query, key, value = together.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, bias)
        states = self.norms[0](self.output(attended.transpose(1, 2).flatten(2)) + states)
        gate, factor = self.gated(states).chunk(2, dim=-1)
        fed: torch.Tensor = self.norms[1](self.contract(functional.gelu(gate) * factor) + states)
        return fed


_MODELS: Mapping[str, Callable[[ModelShape], torch.nn.Module]] = {
    "esm2": _esm,
    "esm1": _esm1,
    "esmc": _esmc,
    "t5": _t5,
    "dnabert": _Dnabert,
}
