"""Encoders of T5 in Hugging Face's format, small enough to make in a test, by its own classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from struct import pack
from typing import Any, Literal

import torch
from transformers import (
    T5Config,
    T5EncoderModel,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

from tui_balancer.embedding.families.t5.family import T5Shape

LETTERS = "ALGVSREDTIPKFQNYMHWCXBOUZ"
"""In the order of ProtT5's tokens."""

NUMBERS = {letter: number for number, letter in enumerate(LETTERS, start=3)}

PIECES = ("<pad>", "</s>", "<unk>", *(f"▁{letter}" for letter in LETTERS))

PREFIXES = {"<fold2AA>": 148, "<AA2fold>": 149}
STRUCTURE = {letter: number for number, letter in enumerate("acdefghiklmnpqrstvwy", start=128)}
"""ProstT5's tokens for the letters of structures; the makers' order may be another."""

Tokenizer = Literal["spiece.model", "tokenizer.json"]


def config_of(shape: T5Shape, vocabulary: int, **others: Any) -> T5Config:
    """Return an architecture of ours in transformers' words."""
    return T5Config(
        vocab_size=vocabulary,
        d_model=shape.width,
        d_kv=shape.head_width,
        d_ff=shape.inner,
        num_layers=shape.layers,
        num_heads=shape.heads,
        relative_attention_num_buckets=shape.buckets,
        relative_attention_max_distance=shape.distance,
        feed_forward_proj="gated-gelu" if shape.gated else "relu",
        **others,
    )


def make_t5_folder(
    folder: Path,
    *,
    gated: bool = False,
    whole: bool = False,
    dtype: torch.dtype = torch.float32,
    safe: bool = True,
    tokenizer: Tokenizer = "spiece.model",
    prefixed: bool = False,
    **sizes: Any,
) -> Path:
    """Write a model with seeded random weights and return its folder.

    Args:
        folder: Made here.
        gated: Whether its feed-forward is gated by GELU.
        whole: With a decoder.
        dtype: Of the weights in the file.
        safe: Whether in safetensors or in torch's format.
        tokenizer: The file of its tokenizer.
        prefixed: Whether that has the tokens that ProstT5 adds.
        sizes: In transformers' words.
    """
    config = T5Config(
        **{
            **{"vocab_size": 150, "d_model": 48, "d_kv": 16, "d_ff": 80, "num_layers": 3},
            **{"num_heads": 5, "num_decoder_layers": 1, "dropout_rate": 0.0},
            **{"feed_forward_proj": "gated-gelu" if gated else "relu"},
            **sizes,
        }
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: Any = (T5ForConditionalGeneration if whole else T5EncoderModel)(config)
        for name, parameter in model.named_parameters():
            # Norms start at 1 and the bias at nearly 0, which would hide a mistake in them.
            spread = 2.0 if "relative" in name else 0.3 if "norm" in name else 0.02
            parameter.data.add_(spread * torch.randn_like(parameter))
    model = model.to(dtype)
    folder.mkdir(parents=True)
    if safe:
        model.save_pretrained(folder)
    else:
        model.config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    if tokenizer == "spiece.model":
        (folder / tokenizer).write_bytes(sentencepiece_model(PIECES))
        if prefixed:
            (folder / "added_tokens.json").write_text(json.dumps(PREFIXES | STRUCTURE))
        return folder
    theirs = T5Tokenizer(vocab=[(piece, -2.0) for piece in PIECES])
    if prefixed:
        theirs.add_tokens([*STRUCTURE, *PREFIXES])
    theirs.save_pretrained(folder)
    return folder


def hidden_states(
    folder: Path,
    sequences: Sequence[str],
    prefix: Sequence[int] = (),
    numbers: Mapping[str, int] = NUMBERS,
) -> list[list[torch.Tensor]]:
    """Return what transformers computes in one padded batch: of each layer, then each sequence.

    Args:
        folder: The model.
        sequences: Any.
        prefix: The tokens before the residues.
        numbers: Of the tokens of the letters.

    Returns:
        float32 of shape (tokens, D), EOS and prefix included.
    """
    model = T5EncoderModel.from_pretrained(folder, dtype=torch.float32).eval()
    return states_of(model, sequences, prefix, numbers)


def states_of(
    model: T5EncoderModel,
    sequences: Sequence[str],
    prefix: Sequence[int] = (),
    numbers: Mapping[str, int] = NUMBERS,
) -> list[list[torch.Tensor]]:
    """Return the same of a model that is loaded, see `hidden_states`."""
    tokens = [[*prefix, *(numbers[letter] for letter in sequence), 1] for sequence in sequences]
    longest = max(map(len, tokens))
    padded = torch.tensor([[*one, *[0] * (longest - len(one))] for one in tokens])
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in tokens])
    with torch.inference_mode():
        found = model(padded, attention_mask=mask, output_hidden_states=True).hidden_states
    return [
        [states[: len(one)] for states, one in zip(layer, tokens, strict=True)] for layer in found
    ]


def sentencepiece_model(pieces: Sequence[str]) -> bytes:
    """Return a unigram model in sentencepiece's format, `sentencepiece_model.proto`."""
    kinds = {"<unk>": 2, "<pad>": 3, "</s>": 3}
    content = b""
    for piece in pieces:
        text = _field(1, piece.encode()) + b"\x15" + pack("<f", -2.0)
        content += _field(1, text + bytes((0x18, kinds.get(piece, 1))))
    unknown, end, padding = (pieces.index(one) for one in ("<unk>", "</s>", "<pad>"))
    numbers = {3: 1, 40: unknown, 41: -1, 42: end, 43: padding}
    trainer = b"".join(
        _varint(number << 3) + _varint(value % (1 << 64)) for number, value in numbers.items()
    )
    normalizer = _field(1, b"identity")
    return content + _field(2, trainer) + _field(3, normalizer)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes((low | 0x80,)) + _varint(rest) if rest else bytes((low,))
