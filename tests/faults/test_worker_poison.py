"""A file that takes its worker down whoever that is: here by a kill whenever it runs."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.support.sessions import finished, leftovers, outputs, session, wait_for_row
from tui_balancer.balance.events import FailureEvent, LeaseEvent, ReturnEvent
from tui_balancer.balance.model import DeviceMetrics
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.run.report import exit_code


def test_a_file_that_takes_two_workers_down_fails_and_no_other_is_charged(
    proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out")
    run.start()
    first = wait_for_row(run, lambda row: row.running is not None)
    assert first.running is not None
    poison = first.running.unit

    def runs_it(epoch: int, row: DeviceMetrics) -> bool:
        return row.running is not None and row.running.unit == poison and row.running.epoch == epoch

    for epoch in (1, 2):
        row = wait_for_row(run, partial(runs_it, epoch))
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    summary = finished(run)

    reason = "killed 2 workers, the last one: killed by SIGKILL"
    assert [(one.name, one.reason) for one in summary.failed] == [(poison.name, reason)]
    assert (summary.done, summary.waiting, exit_code(summary)) == (3, 0, 1)

    events = run.events_after(0)
    leases = [one for one in events if isinstance(one, LeaseEvent)]
    assert [one.epoch for one in leases if one.unit_id == poison.unit_id] == [1, 2]
    assert {one.epoch for one in leases if one.unit_id != poison.unit_id} == {1}
    assert [one.unit_id for one in events if isinstance(one, ReturnEvent)] == [poison.unit_id]
    assert [one.unit_id for one in events if isinstance(one, FailureEvent)] == [poison.unit_id]

    made = outputs(tmp_path / "out")
    assert len(made) == 3
    assert made.items() < quiet.items()
    assert leftovers(tmp_path / "out") == []

    with closing(read_ledger(tmp_path / "out" / LEDGER_NAME)) as ledger:
        (failed,) = (row for row in ledger.files() if row.state is FileState.FAILED)
    assert failed.file.file_id == poison.unit_id
    assert (failed.reason, failed.attempts) == (reason, 2)
