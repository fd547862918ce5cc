"""ESM C's weights are the same in every spelling; what is not one is refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.support.checkpoints import change_config, change_tensors
from tests.support.esmc import (
    HEADS,
    INNER,
    LAYERS,
    WIDTH,
    Make,
    make_file,
    make_first_folder,
    make_folder,
    make_model,
    makers_state,
)
from tui_balancer.embedding.families.esmc.checkpoint import read
from tui_balancer.embedding.families.esmc.family import EsmcShape
from tui_balancer.errors import UserError

SHAPE = EsmcShape(LAYERS, WIDTH, HEADS, INNER)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("models") / "small", make_model())


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A folder to change."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.mark.parametrize("make", [make_file, make_first_folder])
def test_every_spelling_holds_the_same_weights(make: Make, folder: Path, tmp_path: Path) -> None:
    expected, actual = read(folder), read(make(tmp_path / "other", make_model()))
    assert actual.shape == expected.shape == SHAPE
    assert actual.weights.keys() == expected.weights.keys()
    for name, value in expected.weights.items():
        assert torch.equal(actual.weights[name], value), name
        assert actual.weights[name].is_contiguous()


def test_packed_matrices_are_taken_apart_without_a_copy(tmp_path: Path) -> None:
    weights = read(make_file(tmp_path / "esmc.pth", make_model())).weights
    query, key = (weights[f"layers.1.self_attn.{one}_proj.weight"] for one in "qk")
    assert key.data_ptr() - query.data_ptr() == query.nbytes


def test_a_bare_body_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    model = make_model()
    model.esmc.save_pretrained(tmp_path / "bare")
    expected, actual = read(folder).weights, read(tmp_path / "bare").weights
    assert all(torch.equal(actual[name], value) for name, value in expected.items())


def test_the_feed_forward_may_have_another_width(tmp_path: Path) -> None:
    model, shape = make_model(inner=384), EsmcShape(LAYERS, WIDTH, HEADS, 384)
    assert read(make_folder(tmp_path / "folder", model)).shape == shape
    assert read(make_file(tmp_path / "esmc.pth", model)).shape == shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "esm"}, r"its model_type is 'esm', not 'esmc'"),
        ({"hidden_act": "gelu"}, r"its hidden_act is 'gelu', not 'silu'"),
        ({"attention_bias": True}, r"its attention_bias is True, not False"),
        ({"num_key_value_heads": 1}, r"its num_key_value_heads is 1, not 2"),
        ({"head_dim": 32}, r"its head_dim is 32, not 64"),
        ({"rope_parameters": {"rope_type": "yarn"}}, r"its rope_parameters is \{'rope_type': 'y"),
        ({"num_attention_heads": 3}, r"config\.json does not name its layers, width and heads"),
        ({"hidden_size": "128"}, r"config\.json does not name its layers, width and heads"),
        ({"intermediate_size": "512"}, r"its intermediate_size is '512'"),
        ({"num_hidden_layers": LAYERS + 1}, r"layers\.4\..* is missing"),
        ({"intermediate_size": 384}, r"layers\.0\.mlp\..* has the wrong shape"),
    ],
)
def test_a_config_of_another_model_is_refused(
    change: dict[str, object], message: str, copied: Path
) -> None:
    change_config(copied, **change)
    with pytest.raises(UserError, match=rf"ESM C.*\(.*{message}") as caught:
        read(copied)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("esmc.layers.0.self_attn.q_proj.lora_A.weight", torch.ones(1), "is unknown"),
        ("esmc.layers.0.self_attn.q_proj.bias", torch.ones(WIDTH), "is unknown"),
        ("esmc.norm.bias", torch.ones(WIDTH), r"norm\.bias is unknown"),
        ("esmc.layers.2.mlp.up_proj.weight", None, r"layers\.2\.mlp\.up_proj\.weight is missing"),
        ("esmc.embed_tokens.weight", torch.ones(33, WIDTH), "has the wrong shape"),
    ],
)
def test_weights_that_change_an_embedding_are_never_left_aside(
    name: str, value: torch.Tensor | None, message: str, copied: Path
) -> None:
    change_tensors(copied, **{name: value})
    with pytest.raises(UserError, match=message):
        read(copied)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embed.weight", r"it has no embed_tokens\.weight"),
        ("transformer.blocks.0.ffn.3.weight", r"it has no layers\.0\.mlp\.down_proj\.weight"),
        ("transformer.blocks.3.attn.q_ln.weight", r"layers\.3\.self_attn\.q_norm.* is missing"),
        ("transformer.norm.weight", r"norm\.weight is missing"),
    ],
)
def test_a_file_without_all_weights_is_refused(name: str, message: str, tmp_path: Path) -> None:
    state = makers_state(make_model())
    del state[name]
    torch.save(state, tmp_path / "esmc.pth")
    with pytest.raises(UserError, match=rf"ESM C.*{message}") as caught:
        read(tmp_path / "esmc.pth")
    assert "\n" not in str(caught.value)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {}, "transformer.blocks.0": "text"}, tmp_path / "esmc.pth")
    with pytest.raises(UserError, match=r"it has no embed_tokens\.weight"):
        read(tmp_path / "esmc.pth")


def test_heads_for_other_tasks_are_left_out(folder: Path) -> None:
    assert any(name.startswith("lm_head.") for name in load_file(folder / "model.safetensors"))
    assert not any("head" in name for name in read(folder).weights)
