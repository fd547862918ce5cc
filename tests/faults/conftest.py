"""What the faults are inflicted on: a few files, a small model, and a quiet run to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.preloaded import preloaded_workers
from tests.support.sessions import finished, outputs, session
from tui_balancer.inputs.synthetic import write_synthetic

FILES = 4


@pytest.fixture(autouse=True)
def _preloaded() -> Iterator[None]:
    """Workers of the test's own process need not import torch; those of others do."""
    with preloaded_workers():
        yield


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four layers: slow enough to be met at work."""
    return make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_small.pt", 4, 160, 8)


@pytest.fixture(scope="session")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four FASTA files of many batches."""
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=FILES, sequences=120, seed=3)
    return folder


@pytest.fixture(scope="session")
def quiet(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The outputs of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("quiet") / "out"
    run = session(proteins, checkpoint, folder)
    run.start()
    assert finished(run).done == FILES
    return outputs(folder)
