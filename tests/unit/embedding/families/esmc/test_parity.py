"""Every layer of ESM C equals transformers' `EsmcModel`, alone and in a batch."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import EsmcForMaskedLM, EsmcTokenizer

from tests.support.esmc import (
    LAYERS,
    WIDTH,
    Make,
    hidden_states,
    make_file,
    make_first_folder,
    make_folder,
    make_model,
)
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.esmc.code import LoadedModel
from tui_balancer.embedding.families.esmc.weights import packer
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings

torch.set_num_threads(1)

LETTERS = "LAGVSERTIDPKQNFYMHWCXBUZO"
LENGTHS = (1, 1, 2, 3, 30, 31, 32, 33, 126, 127, 300)
ALL_LAYERS = tuple(range(LAYERS + 1))


@pytest.fixture(scope="module")
def model() -> EsmcForMaskedLM:
    return make_model()


@pytest.fixture(scope="module")
def loaded(model: EsmcForMaskedLM, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = make_folder(tmp_path_factory.mktemp("models") / "small", model)
    found = load(resolve(CheckpointModel(folder)))
    assert isinstance(found, LoadedModel)
    return found


def sequences(lengths: tuple[int, ...]) -> list[str]:
    rng = random.Random(3)
    return ["".join(rng.choices(LETTERS, k=length)) for length in lengths]


def per_residue(embedder: Embedder, texts: list[str]) -> Iterator[torch.Tensor]:
    """Yield the states of each sequence, of shape (layers, residues, width)."""
    numbers = embedder.embed(texts)
    for text in texts:
        size = embedder.kept.numbers(len(text))
        yield numbers[:size].view(len(embedder.kept.layers), len(text), WIDTH)
        numbers = numbers[size:]


def expected(model: EsmcForMaskedLM, text: str) -> torch.Tensor:
    """Return what transformers computes of a sequence alone, in the same shape."""
    tokens = EsmcTokenizer()(text, return_tensors="pt")["input_ids"]
    return torch.stack([states[0, 1:-1] for states in hidden_states(model, tokens)])


def errors(actual: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Of each layer, the largest relative to its largest value."""
    return (actual - expected).abs().amax((1, 2)) / expected.abs().amax((1, 2))


SETTINGS = EmbeddingSettings(repr_layers=ALL_LAYERS, include=("per_tok",))


def test_every_layer_of_every_length_equals_transformers(
    model: EsmcForMaskedLM, loaded: LoadedModel
) -> None:
    embedder, texts = Embedder(loaded, "cpu:0", SETTINGS), sequences(LENGTHS)
    for text, together in zip(texts, per_residue(embedder, texts), strict=True):
        (alone,) = per_residue(embedder, [text])
        want = expected(model, text)
        assert errors(alone, want).max() <= 1e-5, len(text)
        assert errors(together, want).max() <= 1e-5, len(text)


def test_a_padded_batch_of_transformers_is_the_same(
    model: EsmcForMaskedLM, loaded: LoadedModel
) -> None:
    texts = sequences((5, 60, 23))
    tokens = EsmcTokenizer()(texts, return_tensors="pt", padding=True)["input_ids"]
    states = torch.stack(hidden_states(model, tokens))
    found = per_residue(Embedder(loaded, "cpu:0", SETTINGS), texts)
    for row, (text, actual) in enumerate(zip(texts, found, strict=True)):
        assert errors(actual, states[:, row, 1 : len(text) + 1]).max() <= 1e-5


def test_the_longest_that_it_was_trained_on_equals_transformers(
    model: EsmcForMaskedLM, loaded: LoadedModel
) -> None:
    (text,) = sequences((2046,))
    (actual,) = per_residue(Embedder(loaded, "cpu:0", SETTINGS), [text])
    assert errors(actual, expected(model, text)).max() <= 1e-5


@pytest.mark.parametrize("layer", ALL_LAYERS)
def test_means_in_bfloat16_point_where_those_of_transformers_do(
    model: EsmcForMaskedLM, loaded: LoadedModel, layer: int
) -> None:
    texts = sequences((1, 2, 31, 32, 200))
    settings = EmbeddingSettings(repr_layers=(layer,), precision="bf16")
    half = Embedder(loaded, "cpu:0", settings).embed(texts)
    exact = torch.stack([expected(model, text)[layer].mean(0) for text in texts])
    assert torch.cosine_similarity(half, exact).min() >= 0.9999
    # Only the tokens themselves go through no product.
    assert torch.allclose(half, exact, atol=1e-5) == (layer == 0)


@pytest.mark.parametrize("make", [make_file, make_first_folder])
def test_the_makers_spellings_give_the_same_bytes(
    make: Make, model: EsmcForMaskedLM, loaded: LoadedModel, tmp_path: Path
) -> None:
    texts = sequences((1, 40, 40, 7))
    other = load(resolve(CheckpointModel(make(tmp_path / "model.pth", model))))
    one, two = (Embedder(source, "cpu:0", SETTINGS).embed(texts) for source in (loaded, other))
    assert torch.equal(one, two)


def test_layers_above_the_chosen_one_are_not_computed(loaded: LoadedModel) -> None:
    texts = sequences((4, 9))
    broken = dict(loaded.weights)
    last = f"layers.{LAYERS - 1}.mlp.down_proj.weight"
    broken[last] = torch.full_like(broken[last], torch.nan)
    settings = EmbeddingSettings(repr_layers=(LAYERS - 1,))
    without = Embedder(LoadedModel(broken, loaded.shape, ""), "cpu:0", settings).embed(texts)
    assert torch.equal(without, Embedder(loaded, "cpu:0", settings).embed(texts))


def test_tokens_are_those_of_transformers_tokenizer() -> None:
    text = LETTERS + "J"
    assert packer().pack([text]).tokens.tolist() == EsmcTokenizer()(text)["input_ids"]
