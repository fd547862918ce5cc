"""Small ESM C models with random weights, by transformers, in every spelling of checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import EsmcConfig, EsmcForMaskedLM, EsmcModel

Make = Callable[[Path, EsmcForMaskedLM], Path]

LAYERS, WIDTH, HEADS, INNER = 4, 128, 2, 512

MAKERS = {
    "input_layernorm.weight": "attn.layernorm_qkv.0.weight",
    "input_layernorm.bias": "attn.layernorm_qkv.0.bias",
    "self_attn.q_norm.weight": "attn.q_ln.weight",
    "self_attn.k_norm.weight": "attn.k_ln.weight",
    "self_attn.o_proj.weight": "attn.out_proj.weight",
    "post_attention_layernorm.weight": "ffn.0.weight",
    "post_attention_layernorm.bias": "ffn.0.bias",
    "mlp.down_proj.weight": "ffn.3.weight",
}
"""transformers' names in a layer, and those of the makers' modules."""

QUERY_KEY_VALUE = ("attn.layernorm_qkv.1.weight", [f"self_attn.{one}_proj.weight" for one in "qkv"])
GATE_AND_UP = ("ffn.1.weight", ["mlp.gate_proj.weight", "mlp.up_proj.weight"])
HEAD = {"dense": "sequence_head.0", "layer_norm": "sequence_head.2", "decoder": "sequence_head.3"}

ENGINE = {
    "attn.layernorm_qkv.0.": "attn.layernorm_qkv.layer_norm_",
    "attn.layernorm_qkv.1.": "attn.layernorm_qkv.",
    "ffn.0.": "ffn.layer_norm_",
    "ffn.1.": "ffn.fc1_",
    "ffn.3.": "ffn.fc2_",
}
"""How Transformer Engine names what torch's modules hold."""


def make_model(inner: int = INNER) -> EsmcForMaskedLM:
    """Return a model by transformers; norms and biases are no longer 1 and 0."""
    config = EsmcConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=inner,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: EsmcForMaskedLM = EsmcForMaskedLM(config).eval()
        for parameter in model.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def hidden_states(model: EsmcForMaskedLM, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return layer 0 to the last of tokens (B, L), 1 of which are padding: each (B, L, D)."""
    body: EsmcModel = model.esmc
    with torch.inference_mode():
        found = body(tokens, attention_mask=tokens != 1, output_hidden_states=True)
    states: tuple[torch.Tensor, ...] = found.hidden_states
    assert torch.equal(states[-1], found.last_hidden_state)
    return states


def makers_state(model: EsmcForMaskedLM) -> dict[str, torch.Tensor]:
    """Return a model's weights as `esm.models.esmc.ESMC.state_dict()` has them."""
    state = model.state_dict()
    theirs = {
        "embed.weight": state["esmc.embed_tokens.weight"],
        "transformer.norm.weight": state["esmc.norm.weight"],
    }
    for layer in range(model.config.num_hidden_layers):
        ours, block = f"esmc.layers.{layer}", f"transformer.blocks.{layer}"
        for name, renamed in MAKERS.items():
            theirs[f"{block}.{renamed}"] = state[f"{ours}.{name}"]
        for packed, parts in (QUERY_KEY_VALUE, GATE_AND_UP):
            theirs[f"{block}.{packed}"] = torch.cat([state[f"{ours}.{one}"] for one in parts])
    for name, renamed in HEAD.items():
        for kind in ("weight", "bias"):
            theirs[f"{renamed}.{kind}"] = state[f"lm_head.{name}.{kind}"]
    return theirs


def make_folder(folder: Path, model: EsmcForMaskedLM) -> Path:
    """Write a model as transformers does, and return the folder."""
    model.save_pretrained(folder)
    return folder


def make_file(path: Path, model: EsmcForMaskedLM) -> Path:
    """Write a model as its makers do, and return the path."""
    torch.save(makers_state(model), path)
    return path


def make_first_folder(folder: Path, model: EsmcForMaskedLM) -> Path:
    """Write a model as the Hub's first files had it, and return the folder."""
    state: dict[str, torch.Tensor] = {}
    for name, value in makers_state(model).items():
        for theirs, engines in ENGINE.items():
            name = name.replace(theirs, engines)
        head = name.startswith("sequence_head.")
        state[name.replace("sequence_head", "lm_head") if head else f"esmc.{name}"] = value
    state["esmc.transformer.blocks.0.ffn._extra_state"] = torch.zeros(1, dtype=torch.uint8)
    config = {"model_type": "esmc", "n_layers": LAYERS, "d_model": WIDTH, "n_heads": HEADS}
    write_folder(folder, config, state)
    return folder


def write_folder(
    folder: Path, config: Mapping[str, object], state: Mapping[str, torch.Tensor]
) -> None:
    """Write a folder in Hugging Face's format."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file(
        {key: value.contiguous() for key, value in state.items()}, folder / "model.safetensors"
    )
