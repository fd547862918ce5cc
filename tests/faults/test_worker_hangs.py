"""A worker that stops without ending."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.sessions import (
    finished,
    held,
    leftovers,
    outputs,
    session,
    wait_for_row,
    worker_logs,
)
from tui_balancer.run.live import watchdog
from tui_balancer.scheduler.events import ReturnEvent

FLOOR_SECONDS = 8.0
"""A machine that stands still for a while, which counts as five seconds, makes nobody hang."""


def test_a_stopped_worker_is_killed_charged_and_replaced_and_its_batches_are_not_lost(
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a machine that is busy with other things ten times a batch is long.
    monkeypatch.setattr(watchdog, "PATIENCE", 1.0)
    # Otherwise another device would go on with the file before anybody is killed.
    run = session(proteins, checkpoint, tmp_path / "out", stealing=False, hang_floor=FLOOR_SECONDS)
    run.start()
    with held(run) as row:
        os.kill(run.engine.pids()[row.device], signal.SIGSTOP)
    wait_for_row(run, lambda one: one.device == row.device and one.restarts == 1)
    summary = finished(run)

    assert (summary.done, summary.failed, summary.waiting) == (4, (), 0)
    (returned,) = (one for one in run.events_after(0) if isinstance(one, ReturnEvent))
    assert returned.reason.startswith("no progress for ")
    assert returned.device == row.device
    assert [one.restarts for one in summary.devices if one.device != row.device] == [0]
    assert "of its sequences were embedded before" in worker_logs(tmp_path / "out")
    assert outputs(tmp_path / "out") == quiet
    assert leftovers(tmp_path / "out") == []
