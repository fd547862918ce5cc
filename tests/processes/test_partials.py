"""A worker killed deep in a file of many batches: the next one computes only the rest."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from tests.processes.conftest import Workshop
from tests.support.tasks import write_task
from tui_balancer.leases import Directive
from tui_balancer.workers.wire.protocol import TaskProgress, WorkerId

pytestmark = pytest.mark.usefixtures("preloaded")

SEQUENCES = 24
BATCHES_BEFORE_DEATH = 4


def reports_of(workshop: Workshop, epoch: int) -> list[int]:
    return [one.done.sequences for one in workshop.board.progress_reports if one.epoch == epoch]


def test_finished_batches_survive_a_kill_and_the_bytes_are_those_of_an_undisturbed_worker(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = workshop.board
    first = write_task(workshop.folder, 0, SEQUENCES)
    board.put(replace(first, partial=workshop.folder / "quiet_ESM.pt.partial"))
    workshop.restart = True
    workshop.engine.start()
    board.wait_until(lambda: bool(board.results))
    undisturbed, progress = board.results[0].files[0].written[0].sha256, reports_of(workshop, 1)

    note = board.progress

    def pausing(worker: WorkerId, report: TaskProgress) -> Directive:
        if len(reports_of(workshop, 2)) == BATCHES_BEFORE_DEATH - 1:
            board.set_order(Directive.PAUSE)
        return note(worker, report)

    monkeypatch.setattr(board, "progress", pausing)
    board.put(replace(first, epoch=2))
    board.wait_until(lambda: len(reports_of(workshop, 2)) == BATCHES_BEFORE_DEATH)
    os.kill(workshop.pid, signal.SIGKILL)
    workshop.wait_for_exits(1)
    board.set_order(Directive.CONTINUE)
    board.put(replace(first, epoch=3))
    board.wait_until(lambda: len(board.results) == 2)

    assert len(progress) > BATCHES_BEFORE_DEATH + 3
    assert reports_of(workshop, 2) == progress[:BATCHES_BEFORE_DEATH]
    # One report of all that was there, then one for every other batch.
    assert reports_of(workshop, 3) == progress[BATCHES_BEFORE_DEATH - 1 :]
    assert board.results[1].files[0].written[0].sha256 == undisturbed
    before = progress[BATCHES_BEFORE_DEATH - 1]
    assert f"{before} of its sequences were embedded before" in workshop.log.read_text()
