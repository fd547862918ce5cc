"""DNABERT on a CUDA device, held against its makers' formulas on the processor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.dnabert import (
    Sizes,
    hidden_states,
    make_folder,
    padded,
    random_bases,
    random_weights,
    tokenizer,
)
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings

pytestmark = pytest.mark.cuda

SIZES = Sizes(layers=3, width=128, heads=4, inner=256)
SEQUENCES = [random_bases(length, length) for length in (1, 40, 40, 500, 3000)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("models") / "tiny", SIZES)


@pytest.mark.parametrize("layer", range(SIZES.layers + 1))
def test_every_layer_is_the_makers(folder: Path, layer: int) -> None:
    source, weights, made = (
        resolve(CheckpointModel(folder)),
        random_weights(SIZES),
        tokenizer(SIZES),
    )
    states = [hidden_states(weights, SIZES, padded(made, [one]))[layer] for one in SEQUENCES]
    expected = torch.stack([one[0].mean(0) for one in states])
    settings = EmbeddingSettings(repr_layers=(layer,))
    single = load_embedder(source, "cuda:0", 1, settings).embed(SEQUENCES)
    assert (single - expected).abs().max() <= 1e-5 * expected.abs().max()
    if torch.cuda.is_bf16_supported():
        settings = EmbeddingSettings(repr_layers=(layer,), precision="bf16")
        half = load_embedder(source, "cuda:0", 1, settings).embed(SEQUENCES)
        assert torch.cosine_similarity(half, expected).min() >= 0.9999
