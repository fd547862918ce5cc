"""A model, files, what they become in a quiet run on this machine, and a cluster of two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Processes
from tests.support.network import Network, best_network
from tests.support.quiet_run import checkpoint, preloaded, quiet
from tui_balancer.engines.dask import engine
from tui_balancer.inputs.synthetic import write_synthetic

__all__ = ["checkpoint", "preloaded", "quiet"]

FILES = 8


@pytest.fixture(scope="session")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of FASTA files of many batches."""
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=FILES, sequences=64, seed=5)
    return folder


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """What the nodes are joined by."""
    network = best_network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def processes(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A scheduler and two nodes of two workers."""
    cluster = Processes(tmp_path_factory.mktemp("cluster"), network)
    cluster.add_node("node-1")
    cluster.add_node("node-2")
    yield cluster
    cluster.close()


@pytest.fixture(autouse=True)
def _no_app_is_about_to_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the ends of workers reported at once: where they are killed, they are killed alone."""
    monkeypatch.setattr(engine, "SETTLING_SECONDS", 0.0)
