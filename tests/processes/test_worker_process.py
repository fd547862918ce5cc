"""A real worker process, from its first task to its leaving."""

from __future__ import annotations

import os
from contextlib import nullcontext

import pytest
import torch

from tests.processes.conftest import Workshop
from tests.support.tasks import write_task
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.engines.worker_end import Cause, WorkerEnd
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.leases import Directive
from tui_balancer.process.stop_signals import GROUP_SIGNALS
from tui_balancer.workers.process import spawning
from tui_balancer.workers.wire.protocol import WorkerId


def test_a_worker_embeds_its_tasks_and_leaves_when_the_run_is_over(
    workshop: Workshop, capfd: pytest.CaptureFixture[str]
) -> None:
    good, bad = write_task(workshop.folder, 0), write_task(workshop.folder, 1)
    bad.files[0].source.write_text("no FASTA at all\n")
    workshop.board.put(good, bad)
    workshop.engine.start()
    telemetry = workshop.board.telemetry_reports
    workshop.board.wait_until(lambda: bool(telemetry) and telemetry[-1].busy_seconds > 0)
    workshop.board.end()
    workshop.wait_for_exits(1)

    worker = WorkerId("cpu:0", 1)
    assert workshop.exits == [(worker, WorkerEnd(Cause.LEFT))]
    assert workshop.board.taken == [(worker, good), (worker, bad)]

    embedder = load_embedder(workshop.model, "cpu", 1, workshop.settings)
    (file,) = good.files
    records = read_fasta(file.source, ReadingRules()).records
    output = torch.load(file.outputs[0].temporary, weights_only=True)
    assert output["proteins"] == [record.id for record in records]
    for record, vector in zip(records, output["data"], strict=True):
        torch.testing.assert_close(vector, embedder.embed([record.residues])[0])
    assert output["metadata"]["input_sha256"] == file.source_sha256

    ((who, facts),) = workshop.board.hellos
    assert who == worker
    assert facts.name
    assert (facts.model_sha256, facts.threads) == (workshop.model.sha256, 1)
    assert facts.load_seconds > 0
    assert telemetry[-1].sample.memory_used is not None
    assert telemetry[-1].sample.memory_total == facts.memory_total

    assert "not FASTA" in workshop.board.results[1].files[0].error
    assert "Traceback" in workshop.log.read_text()
    assert capfd.readouterr() == ("", "")


def test_a_worker_is_deaf_to_what_is_meant_for_the_app(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawning, "group_signals_blocked", nullcontext)
    workshop.board.set_order(Directive.PAUSE)
    workshop.board.put(write_task(workshop.folder, 0))
    workshop.engine.start()
    workshop.board.wait_until(lambda: bool(workshop.board.paused))
    for number in GROUP_SIGNALS:
        os.kill(workshop.pid, number)
    workshop.board.set_order(Directive.CONTINUE)
    workshop.board.end()
    workshop.wait_for_exits(1)

    assert workshop.exits == [(WorkerId("cpu:0", 1), WorkerEnd(Cause.LEFT))]
    assert len(workshop.board.results) == 1


def leave() -> None:
    """Do nothing, as the target of a process."""


def test_signals_to_the_group_do_not_reach_a_process_that_is_only_starting() -> None:
    process = spawning.spawn(leave, (), "starting")
    assert process.pid is not None
    for number in GROUP_SIGNALS:
        os.kill(process.pid, number)
    process.join()

    assert process.exitcode == 0
