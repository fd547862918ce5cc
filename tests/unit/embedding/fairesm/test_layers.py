"""Which forward pass computes where."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tui_balancer.embedding.fairesm.layers import PackedForward, choose_forward
from tui_balancer.embedding.fairesm.weights import Weights, take_weights
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.representations import Representations

KEPT = Representations.mean(2, 40)
FUSED = "tui_balancer.embedding.fairesm.fused"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    path = make_checkpoint(tmp_path_factory.mktemp("models") / "tiny.pt")
    model = load(resolve(CheckpointModel(Path(path)))).model
    return take_weights(model, model.num_layers, torch.device("cpu"))


@pytest.fixture
def on_a_card(weights: Weights) -> Weights:
    """Weights that say they are on a CUDA device."""
    return replace(weights, device=torch.device("cuda:0"))


def test_a_processor_computes_with_public_functions(weights: Weights) -> None:
    assert isinstance(choose_forward(weights, KEPT), PackedForward)


def test_a_card_computes_with_kernels_that_are_right(
    on_a_card: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = SimpleNamespace(
        FusedForward=lambda given, kept: given, kernels_are_right=lambda device: True
    )
    monkeypatch.setitem(sys.modules, FUSED, fused)
    assert choose_forward(on_a_card, KEPT) is on_a_card


@pytest.mark.parametrize("reason", ["absent", "wrong", "broken"])
def test_a_card_without_working_kernels_computes_all_the_same(
    on_a_card: Weights,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(device: torch.device) -> bool:
        raise RuntimeError("Failed to find C compiler")

    answers = {"wrong": lambda device: False, "broken": broken}
    fused = SimpleNamespace(FusedForward=None, kernels_are_right=answers.get(reason))
    monkeypatch.setitem(sys.modules, FUSED, None if reason == "absent" else fused)
    assert isinstance(choose_forward(on_a_card, KEPT), PackedForward)
    assert "without" in caplog.text
    assert "slower" in caplog.text
