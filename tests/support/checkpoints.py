"""Checkpoints in fair-esm's format and Hugging Face's, small enough to make in a test."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import torch
from esm.data import Alphabet
from esm.model.esm1 import ProteinBertModel
from esm.model.esm2 import ESM2
from safetensors.torch import load_file, save_file

from tests.support.fair_esm import read_checkpoint


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


def make_esm1_checkpoint(
    path: Path,
    architecture: str = "roberta_large",
    *,
    layers: int = 2,
    width: int = 40,
    heads: int = 4,
    positions: int = 1024,
    norm_before: bool = True,
    token_dropout: bool = True,
    seed: int = 0,
) -> Path:
    """Write a checkpoint as those of ESM-1b and ESM-1v (`roberta_large`) or ESM-1 are.

    Args:
        path: Of the file.
        architecture: `roberta_large` or `protein_bert_base`.
        layers: Of the model.
        width: Of its states.
        heads: Of its attention.
        positions: Learned ones, of `roberta_large`.
        norm_before: Whether the embedded tokens have a layer norm, which ESM-1b alone has.
        token_dropout: Whether the model was trained with it.
        seed: Of the weights.
    """
    is_esm1b = architecture == "roberta_large"
    arguments = {
        "layers": layers,
        "embed_dim": width,
        "ffn_embed_dim": 4 * width,
        "attention_heads": heads,
    }
    common = {"arch": architecture, "max_positions": positions, "token_dropout": token_dropout}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ProteinBertModel(
            argparse.Namespace(
                **arguments, **common, emb_layer_norm_before=norm_before, final_bias=True
            ),
            Alphabet.from_architecture(architecture),
        )
        for parameter in model.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    state = {}
    for key, value in model.state_dict().items():
        if not key.startswith("contact_head."):
            body = "sentence_encoder." if is_esm1b and not key.startswith("lm_head.") else ""
            state[f"{'encoder' if is_esm1b else 'decoder'}.{body}{key}"] = value
    side = "encoder_" if is_esm1b else "decoder_"
    named = {f"{side}{name}": value for name, value in arguments.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    given = argparse.Namespace(**named, **common, final_bias=True)
    torch.save({"args": given, "model": state}, path)
    return path


HUGGING_FACE_MODULES = (
    ("self_attn_layer_norm", "attention.LayerNorm"),
    ("self_attn.q_proj", "attention.self.query"),
    ("self_attn.k_proj", "attention.self.key"),
    ("self_attn.v_proj", "attention.self.value"),
    ("self_attn.rot_emb", "attention.self.rotary_embeddings"),
    ("self_attn.out_proj", "attention.output.dense"),
    ("fc1", "intermediate.dense"),
    ("fc2", "output.dense"),
    ("final_layer_norm", "LayerNorm"),
)
"""fair-esm's names of a layer's modules, and Hugging Face's, as its own conversion has them."""


def make_hugging_face_folder(folder: Path, checkpoint: Path, suffix: str = ".safetensors") -> Path:
    """Write a checkpoint of fair-esm's as `EsmForMaskedLM` saves it, and return the folder."""
    data = read_checkpoint(checkpoint)
    arguments = data["cfg"]["model"]
    state = {}
    for key, value in data["model"].items():
        if key.startswith("encoder.lm_head."):
            # Tied to the tokens, and not saved.
            if key != "encoder.lm_head.weight":
                state[key.removeprefix("encoder.")] = value.clone()
            continue
        name = key.removeprefix("encoder.sentence_encoder.")
        name = name.replace("embed_tokens", "embeddings.word_embeddings")
        name = name.replace("emb_layer_norm_after", "encoder.emb_layer_norm_after")
        for ours, theirs in HUGGING_FACE_MODULES:
            name = re.sub(rf"^layers\.(\d+)\.{ours}\.", rf"encoder.layer.\1.{theirs}.", name)
        state[f"esm.{name}"] = value.clone()
    maps = arguments.encoder_layers * arguments.encoder_attention_heads
    state["esm.contact_head.regression.weight"] = torch.zeros(1, maps)
    config = {
        "model_type": "esm",
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
        "layer_norm_eps": 1e-5,
        "hidden_act": "gelu",
        "num_hidden_layers": arguments.encoder_layers,
        "hidden_size": arguments.encoder_embed_dim,
        "num_attention_heads": arguments.encoder_attention_heads,
        "token_dropout": True,
        "vocab_size": 33,
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    if suffix == ".safetensors":
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        torch.save(state, folder / "pytorch_model.bin")
    return folder


def change_config(folder: Path, **changes: object) -> None:
    """Change the configuration of a folder in Hugging Face's format; None takes a key away."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def change_tensors(folder: Path, **changes: torch.Tensor | None) -> None:
    """Change, add or (by None) remove tensors of such a folder."""
    path = folder / "model.safetensors"
    state = {**load_file(path), **changes}
    # It may be mapped.
    path.unlink()
    save_file({name: value for name, value in state.items() if value is not None}, path)
