"""Folders in Hugging Face's format hold the same model, or are refused in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.support.checkpoints import change_config, change_tensors
from tests.support.t5 import make_t5_folder, sentencepiece_model
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel, UntrainedModel
from tui_balancer.embedding.families.t5.code import load
from tui_balancer.embedding.families.t5.family import ProstT5Shape, T5Shape
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError

torch.set_num_threads(1)

SHAPE = T5Shape(layers=3, width=48, heads=5, head_width=16, inner=80)
FEED = "encoder.block.1.layer.1.DenseReluDense"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_t5_folder(tmp_path / "t5")


def embedded(folder: Path) -> torch.Tensor:
    source = resolve(CheckpointModel(folder))
    return load_embedder(source, "cpu:0", 1, EmbeddingSettings()).embed(["MKTAYIAKQR", "G", "MXW"])


@pytest.mark.parametrize("how", [{"safe": False}, {"tokenizer": "tokenizer.json"}])
def test_every_format_gives_the_same_vectors(
    how: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    other = make_t5_folder(tmp_path / "other", **how)
    assert resolve(CheckpointModel(other)).shape == SHAPE
    assert torch.equal(embedded(other), embedded(folder))


def test_the_encoder_of_a_whole_model_is_taken(folder: Path, tmp_path: Path) -> None:
    whole = make_t5_folder(tmp_path / "whole", whole=True)
    encoder = {
        name: value
        for name, value in load_file(whole / "model.safetensors").items()
        if name == "shared.weight" or name.startswith("encoder.")
    }
    assert len(encoder) < len(load_file(whole / "model.safetensors"))
    change_tensors(folder, **encoder)
    assert torch.equal(embedded(whole), embedded(folder))


def test_the_embedding_may_be_saved_twice_or_with_the_encoder(folder: Path) -> None:
    expected = embedded(folder)
    shared = load_file(folder / "model.safetensors")["shared.weight"]
    change_tensors(folder, **{"encoder.embed_tokens.weight": shared.clone()})
    assert torch.equal(embedded(folder), expected)
    change_tensors(folder, **{"shared.weight": None})
    assert torch.equal(embedded(folder), expected)


def test_a_model_with_a_head_for_another_task_is_taken_without_it(folder: Path) -> None:
    expected = embedded(folder)
    state = load_file(folder / "model.safetensors")
    moved = {f"transformer.{name}": value for name, value in state.items()}
    change_tensors(
        folder, **dict.fromkeys(state), **moved, **{"classifier.weight": torch.ones(2, 48)}
    )
    assert torch.equal(embedded(folder), expected)


def test_half_precision_weights_are_computed_with_in_float32(folder: Path, tmp_path: Path) -> None:
    half = make_t5_folder(tmp_path / "half", dtype=torch.float16)
    rounded = {
        name: value.half().float()
        for name, value in load_file(folder / "model.safetensors").items()
    }
    change_tensors(folder, **rounded)
    assert torch.equal(embedded(half), embedded(folder))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "mt5"}, "model_type is 'mt5'"),
        ({"feed_forward_proj": "gated-silu"}, "feed_forward_proj is 'gated-silu'"),
        ({"feed_forward_proj": "gated-gelu"}, "wi_0.weight is missing"),
        ({"layer_norm_epsilon": 1e-5}, "layer_norm_epsilon is 1e-05"),
        ({"d_kv": None}, "does not name"),
        ({"num_layers": 2}, "is unknown"),
        ({"num_layers": 4}, "is missing"),
        ({"d_ff": 81}, "has the wrong shape"),
        ({"relative_attention_num_buckets": 64}, "has the wrong shape"),
        ({"relative_attention_max_distance": 8}, "32 buckets are too many for 8 tokens"),
    ],
)
def test_another_model_is_refused(folder: Path, changes: dict[str, object], reason: str) -> None:
    change_config(folder, **changes)
    with pytest.raises(UserError, match=reason) as refused:
        resolve(CheckpointModel(folder))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({f"{FEED}.wo.weight": None}, "wo.weight is missing"),
        ({f"{FEED}.wi.bias": torch.ones(80)}, "wi.bias is unknown"),
        ({"shared.weight": torch.ones(20, 48)}, "20 rows, too few"),
        ({"shared.weight": None}, "0 rows, too few"),
    ],
)
def test_weights_that_are_not_those_of_an_encoder_are_refused(
    folder: Path, changes: dict[str, torch.Tensor | None], reason: str
) -> None:
    change_tensors(folder, **changes)
    with pytest.raises(UserError, match=reason):
        resolve(CheckpointModel(folder))


def test_a_tokenizer_of_other_tokens_is_refused(folder: Path) -> None:
    (folder / "spiece.model").write_bytes(sentencepiece_model(("<pad>", "</s>", "<unk>", "▁A")))
    with pytest.raises(UserError, match="no token of each letter"):
        resolve(CheckpointModel(folder))


def test_weights_that_changed_since_are_refused(folder: Path) -> None:
    source = resolve(CheckpointModel(folder))
    load(source)
    change_tensors(folder, **{f"{FEED}.wo.weight": torch.ones(48, 80)})
    with pytest.raises(UserError, match="not the model that the run began with"):
        load(source)


def test_an_untrained_model_has_seeded_weights_of_a_sensible_size() -> None:
    small = replace(UntrainedModel("ProstT5", 0).source(), shape=ProstT5Shape(3, 64, 4, 32, 128))
    one, same, different = load(small), load(small), load(replace(small, seed=1))
    assert one.sha256 == same.sha256 != different.sha256
    embedder = load_embedder(small, "cpu:0", 1, EmbeddingSettings(repr_layers=(0, 1, 2, 3)))
    layers = embedder.embed(["MKTAYIAKQRQISFVKSHFSRQ" * 4, "M"]).view(2, 4, 64)
    assert layers.abs().max() < 30
    assert (layers.diff(dim=1).norm(dim=-1) > 0.1 * layers.norm(dim=-1)[:, 1:]).all()
