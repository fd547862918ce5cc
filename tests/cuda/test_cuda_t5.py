"""The encoders of T5 on a CUDA device, held against transformers' own on the processor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.t5 import hidden_states, make_t5_folder
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings

pytestmark = pytest.mark.cuda

SEQUENCES = ["M", "MKVLAAGWITSE" * 10, "MKTAYIAKQRQISFVKSHFSRQ" * 20, "GG" * 250, "MW"]


@pytest.fixture(params=[False, True], ids=["relu", "gated"], scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_t5_folder(tmp_path_factory.mktemp("models") / "t5", gated=request.param)


@pytest.mark.parametrize("layer", range(4))
def test_every_layer_equals_transformers(folder: Path, layer: int) -> None:
    source = resolve(CheckpointModel(folder))
    states = hidden_states(folder, SEQUENCES)[layer]
    expected = torch.stack([one[:-1].mean(0) for one in states])
    settings = EmbeddingSettings(repr_layers=(layer,))
    single = load_embedder(source, "cuda:0", 1, settings).embed(SEQUENCES)
    assert (single - expected).abs().max() <= 1e-5 * expected.abs().max()
    if torch.cuda.is_bf16_supported():
        settings = EmbeddingSettings(repr_layers=(layer,), precision="bf16")
        half = load_embedder(source, "cuda:0", 1, settings).embed(SEQUENCES)
        assert torch.cosine_similarity(half, expected).min() >= 0.9999
