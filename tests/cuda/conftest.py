"""These tests need a CUDA device: where torch has none, collection leaves them out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.checkpoints import make_checkpoint, make_esm1_checkpoint
from tests.support.collection import leave_out
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.models import ModelSource


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        leave_out(Path(__file__).parent, config, items)


@pytest.fixture(scope="session", params=[make_checkpoint, make_esm1_checkpoint])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A checkpoint of ESM-2, and one of ESM-1b; heads are as wide as those of the 650M models."""
    path = tmp_path_factory.mktemp("model") / "small.pt"
    return resolve(CheckpointModel(request.param(path, layers=4, width=256, heads=4)))
