"""Small models of DNABERT's architecture with random weights, and a plain forward pass of theirs.

The forward pass is written from the formulas of the makers' `bert_layers.py` (MAGICS-LAB/DNABERT_S,
evaluate/model_codes; the same as in zhihan1996/DNABERT-2-117M), which is MosaicML's of 2022 under
the Apache License 2.0: padded, with a full bias for each head, one matrix for queries, keys and
values and one for the gated layers, and masks of -10,000.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from torch.nn import functional

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
PADDING = 3

MASKED = -10_000.0


@dataclass(frozen=True)
class Sizes:
    """Of a model."""

    layers: int = 3
    width: int = 48
    heads: int = 6
    inner: int = 80
    vocabulary: int = 96

    def config(self) -> dict[str, object]:
        """Return the makers' configuration."""
        return {
            "alibi_starting_size": 512,
            "architectures": ["BertForMaskedLM"],
            "attention_probs_dropout_prob": 0.0,
            "auto_map": {"AutoModel": "bert_layers.BertModel"},
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": self.width,
            "intermediate_size": self.inner,
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": 512,
            "model_type": "bert",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "position_embedding_type": "absolute",
            "type_vocab_size": 2,
            "vocab_size": self.vocabulary,
        }


SIZES = Sizes()

Weights = dict[str, torch.Tensor]


def random_weights(sizes: Sizes = SIZES) -> Weights:
    """Return the weights of a `BertModel` by the makers' names."""
    generator = torch.Generator().manual_seed(0)

    def matrix(outputs: int, inputs: int) -> torch.Tensor:
        values = torch.randn(outputs, inputs, generator=generator)
        return values.mul_(inputs**-0.5)

    def vector(size: int, around: float = 0.0) -> torch.Tensor:
        return around + 0.2 * torch.randn(size, generator=generator)

    width, inner = sizes.width, sizes.inner
    weights = {
        "embeddings.word_embeddings.weight": torch.randn(
            sizes.vocabulary, width, generator=generator
        ),
        "embeddings.token_type_embeddings.weight": torch.randn(2, width, generator=generator),
        "embeddings.LayerNorm.weight": vector(width, 1.0),
        "embeddings.LayerNorm.bias": vector(width),
        "pooler.dense.weight": matrix(width, width),
        "pooler.dense.bias": vector(width),
    }
    for number in range(sizes.layers):
        layer = f"encoder.layer.{number}"
        weights |= {
            f"{layer}.attention.self.Wqkv.weight": matrix(3 * width, width),
            f"{layer}.attention.self.Wqkv.bias": vector(3 * width),
            f"{layer}.attention.output.dense.weight": matrix(width, width),
            f"{layer}.attention.output.dense.bias": vector(width),
            f"{layer}.attention.output.LayerNorm.weight": vector(width, 1.0),
            f"{layer}.attention.output.LayerNorm.bias": vector(width),
            f"{layer}.mlp.gated_layers.weight": matrix(2 * inner, width),
            f"{layer}.mlp.wo.weight": matrix(width, inner),
            f"{layer}.mlp.wo.bias": vector(width),
            f"{layer}.mlp.layernorm.weight": vector(width, 1.0),
            f"{layer}.mlp.layernorm.bias": vector(width),
        }
    return weights


def alibi_slopes(heads: int) -> list[float]:
    """Return `_get_alibi_head_slopes`, of which the paper leaves open what is no power of 2."""

    def powers(number: int) -> list[float]:
        start = 2 ** (-(2 ** -(math.log2(number) - 3)))
        return [start * start**place for place in range(number)]

    if math.log2(heads).is_integer():
        return powers(heads)
    closest = 2 ** math.floor(math.log2(heads))
    return powers(closest) + alibi_slopes(2 * closest)[0::2][: heads - closest]


@torch.inference_mode()
def hidden_states(weights: Weights, sizes: Sizes, tokens: torch.Tensor) -> list[torch.Tensor]:
    """Return the embeddings and what each layer makes of tokens (B, L) with padding: (B, L, D)."""

    def norm(states: torch.Tensor, name: str) -> torch.Tensor:
        both = (weights[f"{name}.weight"], weights[f"{name}.bias"])
        return functional.layer_norm(states, (sizes.width,), *both, eps=1e-12)

    def linear(states: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(states, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    batch, length = tokens.shape
    places = torch.arange(length)
    distance = (places[None, :] - places[:, None]).abs()
    alibi = torch.tensor(alibi_slopes(sizes.heads))[:, None, None] * -distance
    padding = torch.where(tokens == PADDING, MASKED, 0.0)[:, None, None, :]
    bias = (padding + alibi[None]).to(weights["embeddings.LayerNorm.weight"].dtype)

    states = weights["embeddings.word_embeddings.weight"][tokens]
    states = states + weights["embeddings.token_type_embeddings.weight"][0]
    states = norm(states, "embeddings.LayerNorm")
    found = [states]
    for number in range(sizes.layers):
        layer = f"encoder.layer.{number}"
        together = linear(states, f"{layer}.attention.self.Wqkv")
        query, key, value = together.view(batch, length, 3, sizes.heads, -1).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(2, 3) / math.sqrt(sizes.width // sizes.heads) + bias
        attended = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        attended = linear(attended, f"{layer}.attention.output.dense")
        states = norm(attended + states, f"{layer}.attention.output.LayerNorm")
        gated, factor = linear(states, f"{layer}.mlp.gated_layers").split(sizes.inner, dim=-1)
        fed = linear(functional.gelu(gated) * factor, f"{layer}.mlp.wo")
        states = norm(fed + states, f"{layer}.mlp.layernorm")
        found.append(states)
    return found


def random_bases(length: int, seed: int = 0) -> str:
    """Return a sequence."""
    return "".join(random.Random(seed).choices("ACGT", k=length))


def tokenizer(sizes: Sizes = SIZES) -> Tokenizer:
    """Return a tokenizer as the makers', trained on random bases."""
    made = Tokenizer(BPE(unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    trainer = BpeTrainer(vocab_size=sizes.vocabulary, special_tokens=SPECIAL, show_progress=False)
    made.train_from_iterator([random_bases(60, seed) for seed in range(300)], trainer)
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return made


def padded(made: Tokenizer, sequences: Sequence[str]) -> torch.Tensor:
    """Return the tokens of sequences as the makers' models take them, of shape (B, L)."""
    rows = [one.ids for one in made.encode_batch(list(sequences))]
    longest = max(map(len, rows))
    return torch.tensor([row + [PADDING] * (longest - len(row)) for row in rows])


def make_folder(
    folder: Path,
    sizes: Sizes = SIZES,
    *,
    prefix: str = "bert.",
    pickled: bool = False,
) -> Path:
    """Write a model in the makers' format, and return its folder.

    Args:
        folder: Made if missing.
        sizes: Of the model.
        prefix: Of the body's names; DNABERT-2 has one, since it was saved with its head.
        pickled: In torch's format instead of safetensors'.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"{prefix}{name}": value for name, value in random_weights(sizes).items()}
    if prefix:
        state["cls.predictions.decoder.bias"] = torch.zeros(sizes.vocabulary)
    if pickled:
        torch.save(state, folder / "pytorch_model.bin")
    else:
        save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(sizes.config()))
    tokenizer(sizes).save(str(folder / "tokenizer.json"))
    return folder
