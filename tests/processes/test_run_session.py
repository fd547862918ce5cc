"""A whole run inside one app process, with workers killed under it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.sessions import (
    at_work,
    completed,
    finished,
    held,
    outputs,
    session,
    wait_for_row,
)
from tui_balancer.exit_codes import EXIT_FAILED
from tui_balancer.export.export import verify
from tui_balancer.failures import FailureCause
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.history.history import read_history
from tui_balancer.history.page.html import headline
from tui_balancer.history.run_report import account_of
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.scheduler.commands import SkipUnits
from tui_balancer.view.handle import FailedFile
from tui_balancer.view.summary_text import exit_code

pytestmark = pytest.mark.usefixtures("preloaded")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=5, sequences=60, seed=3)
    return folder


def test_a_worker_killed_in_mid_file_costs_nothing_but_time(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    assert completed(session(proteins, checkpoint, tmp_path / "quiet", cpu_workers=1)).done == 5

    run = session(proteins, checkpoint, tmp_path / "killed", cpu_workers=2)
    run.start()
    with held(run) as row:
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    wait_for_row(run, lambda one: one.device == row.device and one.restarts == 1)
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
    with held(run, at_work):
        run.close()
    summary = run.summary()
    assert summary is not None
    assert summary.interrupted
    assert summary.waiting == 5 - summary.done > 0
    assert run.engine.pids() == {}


def test_a_skipped_file_is_no_failure_and_the_run_is_not_complete(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out", cpu_workers=1)
    run.start()
    with held(run, at_work):
        unit = run.coordinator.queue("cpu:0")[-1]
        assert run.execute(SkipUnits((unit.unit_id,))).accepted
    skipped = (FailedFile(unit.name, "skipped by hand", True, FailureCause.NONE),)
    summary = finished(run)
    assert (summary.done, summary.failed, summary.skips) == (4, (), skipped)
    assert exit_code(summary) == EXIT_FAILED

    past = FinishedRun(tmp_path / "out").summary()
    assert (past.failed, past.skips) == ((), skipped)
    account = account_of(read_history(tmp_path / "out"))
    assert (account.done, account.failed, account.skipped) == (4, 0, 1)
    assert [one.name for one in account.files if one.state == "skipped"] == [unit.name]
    assert headline(account) == "4 of 5 files done, 1 skipped by hand"
    assert verify(tmp_path / "out").problems == (f"{unit.name}: skipped by hand",)

    summary = completed(session(proteins, checkpoint, tmp_path / "out", cpu_workers=1))
    assert (summary.done, summary.failed, summary.skips) == (4, (), skipped)
