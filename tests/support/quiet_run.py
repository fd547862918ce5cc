"""Fixtures for runs that are disturbed: a model, and what comes of a folder when nothing happens.

A `conftest.py` imports them and says itself what the folder, `proteins`, is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.preloaded import preloaded_workers
from tests.support.sessions import completed, outputs, session


@pytest.fixture(autouse=True)
def preloaded() -> Iterator[None]:
    """Workers of the test's own process need not import torch; those of others do."""
    with preloaded_workers():
        yield


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four layers: slow enough to be met at work."""
    return make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_small.pt", 4, 160, 8)


@pytest.fixture(scope="session")
def quiet(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The outputs of a run on this machine that nothing happened to."""
    folder = tmp_path_factory.mktemp("quiet") / "out"
    with preloaded_workers():
        assert completed(session(proteins, checkpoint, folder)).waiting == 0
    return outputs(folder)
