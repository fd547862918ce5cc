"""ESM C on a CUDA device, held against the same model on the processor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.esmc import make_folder, make_model
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings, Precision

pytestmark = pytest.mark.cuda

TEXTS = [("MKTAYIAKQRQISFVKSHFSRQ" * 94)[:length] for length in (1, 2, 31, 64, 64, 333, 2046)]


def embedded(folder: Path, device: str, precision: Precision) -> torch.Tensor:
    settings = EmbeddingSettings(precision=precision, max_length=2046)
    return Embedder(load(resolve(CheckpointModel(folder))), device, settings).embed(TEXTS)


@pytest.mark.parametrize(
    ("precision", "least"), [("fp32", 1 - 1e-6), ("bf16", 0.9999), ("fp16", 0.9999)]
)
def test_a_card_computes_what_the_processor_does(
    precision: Precision, least: float, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "small", make_model())
    exact = embedded(folder, "cpu:0", "fp32")
    card = embedded(folder, "cuda:0", precision)
    assert torch.cosine_similarity(card, exact).min() >= least
    if precision == "fp32":
        assert ((card - exact).abs().amax(1) / exact.abs().amax(1)).max() <= 1e-5
