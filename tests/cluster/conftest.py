"""A model, files, what they become in a quiet run on this machine, and a cluster of two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.cluster import Processes
from tests.support.preloaded import preloaded_workers
from tests.support.sessions import finished, outputs, session
from tui_balancer.inputs.synthetic import write_synthetic

FILES = 8


@pytest.fixture(autouse=True)
def _preloaded() -> Iterator[None]:
    """Processes of the test's own app need not import torch."""
    with preloaded_workers():
        yield


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four layers: slow enough to be met at work."""
    return make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_small.pt", 4, 160, 8)


@pytest.fixture(scope="session")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of FASTA files of many batches."""
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=FILES, sequences=160, seed=5)
    return folder


@pytest.fixture(scope="session")
def quiet(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The outputs of a run on this machine that nothing happened to."""
    folder = tmp_path_factory.mktemp("quiet") / "out"
    with preloaded_workers():
        run = session(proteins, checkpoint, folder, cpu_workers=1)
        run.start()
        assert finished(run).done == FILES
    return outputs(folder)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A scheduler and two nodes of two workers."""
    cluster = Processes(tmp_path_factory.mktemp("cluster"))
    cluster.add_node("node-1", 2)
    cluster.add_node("node-2", 3)
    yield cluster
    cluster.close()
