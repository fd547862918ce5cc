"""ESM-1b and ESM-1v in Hugging Face's format, held against transformers' own model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import EsmConfig, EsmForMaskedLM, EsmModel

from tests.support.checkpoints import (
    change_config,
    change_tensors,
    make_checkpoint,
    make_hugging_face_folder,
)
from tests.support.fair_esm import proteins
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.esm1.family import Esm1bShape
from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError

torch.set_num_threads(1)

LAYERS, WIDTH, POSITIONS = 3, 40, 66


def saved(folder: Path, model_class: Any = EsmForMaskedLM, **config: object) -> Any:
    """Save a small model with random weights and return it."""
    asked: dict[str, Any] = {"emb_layer_norm_before": True, "token_dropout": True} | config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = model_class(
            EsmConfig(
                vocab_size=33,
                mask_token_id=32,
                pad_token_id=1,
                hidden_size=WIDTH,
                num_hidden_layers=LAYERS,
                num_attention_heads=4,
                intermediate_size=4 * WIDTH,
                max_position_embeddings=POSITIONS,
                layer_norm_eps=1e-5,
                **asked,
            )
        ).eval()
        for parameter in model.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return model


def hidden_states(model: Any, alphabet: Any, texts: list[str]) -> tuple[torch.Tensor, ...]:
    """Return the states of every layer, of sequences that are padded to one length."""
    _, _, tokens = alphabet.get_batch_converter()([("", text) for text in texts])
    with torch.no_grad():
        result = model(tokens, attention_mask=tokens != 1, output_hidden_states=True)
    states: tuple[torch.Tensor, ...] = result.hidden_states
    return states


@pytest.mark.parametrize("model_class", [EsmModel, EsmForMaskedLM])
@pytest.mark.parametrize("norm_before", [True, False])
@pytest.mark.parametrize("token_dropout", [True, False])
def test_every_layer_equals_transformers(
    model_class: Any, norm_before: bool, token_dropout: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "theirs"
    config = {"emb_layer_norm_before": norm_before, "token_dropout": token_dropout}
    theirs = saved(folder, model_class, **config)
    source = resolve(CheckpointModel(folder))
    assert source.shape == Esm1bShape(LAYERS, WIDTH, 4, positions=POSITIONS - 2)
    loaded, texts = load(source), proteins((1, 2, 31, 61, 62, 62))
    settings = EmbeddingSettings(tuple(range(LAYERS + 1)), include=("bos", "mean"))
    embedder = Embedder(loaded, "cpu:0", settings)
    expected = hidden_states(theirs, loaded.alphabet, texts)  # type: ignore[attr-defined]
    for number, (text, row) in enumerate(zip(texts, embedder.embed(texts), strict=True)):
        for part in embedder.kept.parts(0):
            states = expected[part.layer][number]
            right = states[0] if part.kind.name == "bos" else states[1 : len(text) + 1].mean(0)
            error = (row[part.numbers] - right).abs().max()
            assert error <= 1e-5 * right.abs().max(), (text, part.name)


def test_contacts_equal_transformers(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "theirs").esm
    loaded = load(resolve(CheckpointModel(tmp_path / "theirs")))
    row = Embedder(loaded, "cpu:0", EmbeddingSettings(include=("contacts",))).embed(["MKVLAAGIST"])
    _, _, tokens = loaded.alphabet.get_batch_converter()([("", "MKVLAAGIST")])  # type: ignore[attr-defined]
    theirs.set_attn_implementation("eager")
    with torch.no_grad():
        expected = theirs.predict_contacts(tokens, torch.ones_like(tokens))[0]
    assert expected.std() > 1e-3
    torch.testing.assert_close(row.view(10, 10), expected, rtol=1e-5, atol=1e-5)


def test_rotary_folders_are_esm2_and_absolute_ones_esm1b(tmp_path: Path) -> None:
    saved(tmp_path / "absolute")
    checkpoint = make_checkpoint(tmp_path / "rotary.pt")
    rotary = make_hugging_face_folder(tmp_path / "rotary", checkpoint)
    assert isinstance(resolve(CheckpointModel(tmp_path / "absolute")).shape, Esm1bShape)
    assert isinstance(resolve(CheckpointModel(rotary)).shape, Esm2Shape)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bert"}, "not ESM-1/1b/1v .its model_type is 'bert', not 'esm'"),
        ({"layer_norm_eps": 1e-12}, "not ESM-1/1b/1v .its layer_norm_eps is 1e-12"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"max_position_embeddings": 99}, r"embed_positions\.weight has the wrong shape"),
        ({"max_position_embeddings": "66"}, "does not name its layers, width and heads"),
        ({"emb_layer_norm_before": False}, "is False, and it has the weights of one"),
    ],
)
def test_a_config_of_another_model_is_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    saved(tmp_path / "theirs")
    change_config(tmp_path / "theirs", **change)
    with pytest.raises(UserError, match=message) as caught:
        resolve(CheckpointModel(tmp_path / "theirs"))
    assert "\n" not in str(caught.value)


def test_weights_that_are_said_and_missing_are_named(tmp_path: Path) -> None:
    saved(tmp_path / "theirs")
    weights = load_file(tmp_path / "theirs" / "model.safetensors")
    change_tensors(tmp_path / "theirs", **{one: None for one in weights if ".layer_norm." in one})
    with pytest.raises(UserError, match="is True, and it lacks the weights of one"):
        resolve(CheckpointModel(tmp_path / "theirs"))
