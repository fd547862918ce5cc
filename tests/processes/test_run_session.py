"""A whole run inside one app process, with workers killed under it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.sessions import finished, in_mid_file, outputs, session, wait_for_row
from tui_balancer.inputs.synthetic import write_synthetic

pytestmark = pytest.mark.usefixtures("preloaded")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=5, sequences=60, seed=3)
    return folder


def test_a_worker_killed_in_mid_file_costs_nothing_but_time(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    quiet = session(proteins, checkpoint, tmp_path / "quiet", cpu_workers=1)
    quiet.start()
    assert finished(quiet).done == 5

    run = session(proteins, checkpoint, tmp_path / "killed", cpu_workers=2)
    run.start()
    device = wait_for_row(run, in_mid_file).device
    os.kill(run.engine.pids()[device], signal.SIGKILL)
    wait_for_row(run, lambda row: row.device == device and row.restarts == 1)
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (5, (), 0)
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "quiet")
    assert not list((tmp_path / "killed").rglob("*.tmp"))
    assert run.engine.pids() == {}


def test_a_closed_session_leaves_its_files_waiting_and_no_worker_behind(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out", cpu_workers=1)
    run.start()
    wait_for_row(run, lambda row: row.running is not None)
    run.close()
    summary = run.summary()
    assert summary is not None
    assert summary.interrupted
    assert summary.waiting == 5 - summary.done > 0
    assert run.engine.pids() == {}
