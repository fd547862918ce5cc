"""Checkpoints in the format of fair-esm's hub, small enough to make in a test."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from esm.data import Alphabet
from esm.model.esm2 import ESM2


def make_checkpoint(
    path: Path, layers: int = 2, width: int = 40, heads: int = 4, seed: int = 0
) -> Path:
    """Write an ESM-2 checkpoint with seeded random weights and return its path."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ESM2(layers, width, heads, Alphabet.from_architecture("ESM-1b"))
        for parameter in model.parameters():
            # Biases and layer norms start at 0 and 1, which would hide a mistake in them.
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    state = {
        ("encoder." if key.startswith("lm_head.") else "encoder.sentence_encoder.") + key: value
        for key, value in model.state_dict().items()
        if not key.startswith("contact_head.")
    }
    arguments = argparse.Namespace(
        encoder_layers=layers,
        encoder_embed_dim=width,
        encoder_attention_heads=heads,
        token_dropout=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"cfg": {"model": arguments}, "model": state}, path)
    return path
