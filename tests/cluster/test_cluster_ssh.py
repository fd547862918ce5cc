"""A cluster that comes up over ssh, encrypted, and is gone at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.conftest import FILES
from tests.support.cluster import lines, session_on, states
from tests.support.sessions import completed, outputs
from tests.support.ssh import ssh_server
from tui_balancer.engines.dask.request import ClusterRequest


def test_a_host_reached_over_ssh_makes_the_bytes_of_this_machine(
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TUI_BALANCER_NODE", "node-8")
    with ssh_server(tmp_path) as commands:
        run = session_on(ClusterRequest(hosts=("127.0.0.1",)), proteins, checkpoint, out)
        assert set(states(run)) == {"node-8/cpu:0"}
        private = list((out / "logs").glob(".tls-*"))
        assert [folder.stat().st_mode & 0o777 for folder in private] == [0o700]
        assert completed(run).done == FILES
    assert outputs(out) == quiet
    assert not any("TLS" in one for one in lines(run))
    assert not list((out / "logs").glob(".tls-*"))
    assert sum("distributed.Nanny" in one for one in commands) == 1
