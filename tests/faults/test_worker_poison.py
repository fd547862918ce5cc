"""A file that takes its worker down whoever that is: here by a kill whenever it runs."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.support.sessions import (
    at_work,
    finished,
    held,
    leftovers,
    outputs,
    session,
    wait_for_row,
)
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.scheduler.events import FailureEvent, ReturnEvent
from tui_balancer.scheduler.model import DeviceMetrics, Unit
from tui_balancer.view.summary_text import exit_code


def runs_again(unit: Unit, row: DeviceMetrics) -> bool:
    return row.running is not None and row.running.unit == unit and row.running.epoch == 2


def test_a_file_that_takes_two_workers_down_fails_and_no_other_is_charged(
    proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out")
    run.start()
    with held(run, at_work) as first:
        assert first.running is not None
        poison = first.running.unit
        os.kill(run.engine.pids()[first.device], signal.SIGKILL)
    with held(run, partial(runs_again, poison)) as second:
        os.kill(run.engine.pids()[second.device], signal.SIGKILL)
    summary = finished(run)

    reason = "killed 2 workers, the last one: killed by SIGKILL"
    assert [(one.name, one.reason) for one in summary.failed] == [(poison.name, reason)]
    assert (summary.done, summary.waiting, exit_code(summary)) == (3, 0, 1)

    events = run.events_after(0)
    charged = [one for one in events if isinstance(one, ReturnEvent) and one.charged]
    assert [one.unit_id for one in charged] == [poison.unit_id]
    assert [one.unit_id for one in events if isinstance(one, FailureEvent)] == [poison.unit_id]

    made = outputs(tmp_path / "out")
    assert len(made) == 3
    assert made.items() < quiet.items()
    assert leftovers(tmp_path / "out") == []

    with closing(read_ledger(tmp_path / "out" / LEDGER_NAME)) as ledger:
        (failed,) = (row for row in ledger.files() if row.state is FileState.FAILED)
    assert failed.file.file_id == poison.unit_id
    assert failed.reason == reason


def test_a_file_that_takes_a_worker_down_in_each_of_two_sessions_fails_and_no_other_is_charged(
    proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = session(proteins, checkpoint, out, stealing=False)
    run.start()
    with held(run, at_work) as row:
        assert row.running is not None
        poison = row.running.unit
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    wait_for_row(run, lambda one: one.device == row.device and one.restarts == 1)
    run.close()

    again = session(proteins, checkpoint, out, stealing=False)
    again.start()
    with held(again, lambda one: one.running is not None and one.running.unit == poison) as row:
        os.kill(again.engine.pids()[row.device], signal.SIGKILL)
    summary = finished(again)

    assert [one.name for one in summary.failed] == [poison.name]
    assert summary.failed[0].reason.startswith("killed 2 workers")
    assert (summary.done, summary.waiting) == (3, 0)
    assert outputs(out).items() < quiet.items()
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        assert {row.file.name: row.deaths for row in ledger.files() if row.deaths} == {
            poison.name: 1
        }
