"""Folders in Hugging Face's format hold the same model, to the bit, or are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.checkpoints import (
    change_config,
    change_tensors,
    make_checkpoint,
    make_hugging_face_folder,
)
from tui_balancer.embedding.checkpoints.tensors import file_sha256
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.embedding.families.requests import CheckpointModel, HubModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError

torch.set_num_threads(1)

REPOSITORY = "facebook/esm2_t6_8M_UR50D"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "tiny.pt")


@pytest.fixture
def folder(tmp_path: Path, checkpoint: Path) -> Path:
    return make_hugging_face_folder(tmp_path / "tiny", checkpoint)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_both_formats_give_the_same_model_and_the_same_vectors(
    suffix: str, tmp_path: Path, checkpoint: Path
) -> None:
    folder = make_hugging_face_folder(tmp_path / "theirs", checkpoint, suffix)
    ours, theirs = resolve(CheckpointModel(checkpoint)), resolve(CheckpointModel(folder))
    assert (theirs.name, theirs.label, theirs.shape) == ("theirs", "theirs", Esm2Shape(2, 40, 4))
    expected, actual = (load(source).model.state_dict() for source in (ours, theirs))
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(actual[key], value), key
    texts = ["MKTAYIAKQR", "G", "MXXWWU"]
    one, other = (
        load_embedder(source, "cpu:0", 1, EmbeddingSettings()).embed(texts)
        for source in (ours, theirs)
    )
    assert torch.equal(one, other)


def test_the_sha256_is_that_of_the_weights_file(folder: Path) -> None:
    assert resolve(CheckpointModel(folder)).sha256 == file_sha256(folder / "model.safetensors")


def test_weights_in_several_files_are_put_together(folder: Path, checkpoint: Path) -> None:
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    halves = [dict(list(state.items())[start::2]) for start in (0, 1)]
    places: dict[str, str] = {}
    for number, half in enumerate(halves, start=1):
        name = f"model-0000{number}-of-00002.safetensors"
        save_file(half, folder / name)
        places |= dict.fromkeys(half, name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    source = resolve(CheckpointModel(folder))
    expected = load(resolve(CheckpointModel(checkpoint))).model.state_dict()
    for key, value in load(source).model.state_dict().items():
        assert torch.equal(value, expected[key]), key
    (folder / name).unlink()
    save_file({key: 2 * value for key, value in halves[1].items()}, folder / name)
    assert resolve(CheckpointModel(folder)).sha256 != source.sha256


def test_what_a_fine_tuned_model_lacks_is_made_up(folder: Path) -> None:
    expected = load(resolve(CheckpointModel(folder))).model.state_dict()
    frequencies = "encoder.layer.1.attention.self.rotary_embeddings.inv_freq"
    change_tensors(
        folder,
        **{name: None for name in load_file(folder / "model.safetensors") if "lm_head" in name},
        **{f"esm.{frequencies}": None},
        **{"classifier.dense.weight": torch.ones(2, 40)},
        **{"esm.embeddings.position_embeddings.weight": torch.ones(1026, 40)},
    )
    for key, value in load(resolve(CheckpointModel(folder))).model.state_dict().items():
        assert torch.equal(value, expected[key]) or key.startswith("lm_head."), key


def test_layer_norms_may_have_the_names_that_transformers_5_saves(folder: Path) -> None:
    expected = load(resolve(CheckpointModel(folder))).model.state_dict()
    path = folder / "model.safetensors"
    weights = load_file(path)
    renamed = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): one
        for key, one in weights.items()
    }
    assert len(renamed.keys() - weights.keys()) == 8
    path.unlink()
    save_file(renamed, path)
    actual = load(resolve(CheckpointModel(folder))).model.state_dict()
    assert all(torch.equal(actual[key], one) for key, one in expected.items())


def test_a_bare_model_has_names_without_a_prefix(folder: Path) -> None:
    expected = load(resolve(CheckpointModel(folder))).model.state_dict()
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    bare = {name[4:]: value for name, value in state.items() if name.startswith("esm.")}
    save_file(bare | {"pooler.dense.bias": torch.ones(40)}, folder / "model.safetensors")
    actual = load(resolve(CheckpointModel(folder))).model.state_dict()
    assert torch.equal(actual["layers.1.fc2.bias"], expected["layers.1.fc2.bias"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bert"}, r"not ESM-2 \(its model_type is 'bert', not 'esm'"),
        ({"layer_norm_eps": 1e-12}, r"not ESM-2 \(its layer_norm_eps is 1e-12, not 1e-05"),
        ({"emb_layer_norm_before": True}, r"is True, and it lacks the weights of one"),
        ({"num_attention_heads": 7}, r"does not name its layers, width and heads"),
        ({"hidden_size": "40"}, r"does not name its layers, width and heads"),
        ({"num_hidden_layers": 3}, r"layers\.2\..* is missing"),
    ],
)
def test_a_config_of_another_model_is_refused(
    change: dict[str, object], message: str, folder: Path
) -> None:
    change_config(folder, **change)
    with pytest.raises(UserError, match=message) as caught:
        resolve(CheckpointModel(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("esm.encoder.layer.0.adapter.down.weight", torch.ones(1), "is unknown"),
        ("esm.encoder.layer.0.attention.self.query.lora_A", torch.ones(1), "is unknown"),
        ("esm.embeddings.layer_norm.weight", torch.ones(1), "has the weights of one"),
        ("esm.encoder.layer.0.output.dense.bias", None, r"layers\.0\.fc2\.bias is missing"),
        ("esm.embeddings.word_embeddings.weight", torch.ones(34, 40), "has the wrong shape"),
    ],
)
def test_weights_that_change_an_embedding_are_never_left_aside(
    name: str, value: torch.Tensor | None, message: str, folder: Path
) -> None:
    change_tensors(folder, **{name: value})
    with pytest.raises(UserError, match=message):
        resolve(CheckpointModel(folder))


def test_what_is_broken_or_not_there_is_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model\.safetensors is broken"):
        resolve(CheckpointModel(folder))
    weights.unlink()
    with pytest.raises(UserError, match=r"no weights: neither model\.safetensors nor pytorch_"):
        resolve(CheckpointModel(folder))
    index = folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "../a.safetensors"}}')
    with pytest.raises(UserError, match="does not say where the weights are"):
        resolve(CheckpointModel(folder))
    index.write_text('{"weight_map": {"a": "a.safetensors"}}')
    with pytest.raises(UserError, match=r"there is no checkpoint .*a\.safetensors"):
        resolve(CheckpointModel(folder))
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*config\.json"):
        resolve(CheckpointModel(folder))


def test_a_folder_that_changed_during_the_run_is_refused(folder: Path) -> None:
    frequencies = "attention.self.rotary_embeddings.inv_freq"
    head = "esm.contact_head.regression.weight"
    change_tensors(
        folder, **{head: None} | {f"esm.encoder.layer.{n}.{frequencies}": None for n in (0, 1)}
    )
    source = resolve(CheckpointModel(folder))
    change_config(folder, num_attention_heads=2)
    with pytest.raises(UserError, match="not the model that the run began with"):
        load(source)
    change_config(folder, num_attention_heads=4)
    change_tensors(folder, **{"classifier.bias": torch.ones(1)})
    with pytest.raises(UserError, match="not the model that the run began with"):
        load(source)


def test_a_model_of_the_hub_is_taken_from_its_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(UserError, match=f"hf download {REPOSITORY}`, or write --model esm2_t6_8M"):
        resolve(HubModel(REPOSITORY))
    entry = tmp_path / "hub" / "models--facebook--esm2_t6_8M_UR50D"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("abc123")
    (entry / "snapshots").mkdir()
    folder.rename(entry / "snapshots" / "abc123")
    source = resolve(HubModel(REPOSITORY))
    assert (source.label, source.name) == (REPOSITORY, "esm2_t6_8M_UR50D")
    assert load(source).sha256 == source.sha256
