"""A worker that runs out of memory in earnest: its address space is limited from outside."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import psutil
import torch

from tests.support.sessions import finished, leftovers, outputs, session
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.run.live.session import RunSession
from tui_balancer.scheduler.commands import PauseAll, ResumeAll
from tui_balancer.view.summary_text import exit_code, summary_lines

ROOM = 500 << 20
HUGE = "MKVLAAGIVG" * 30_000
"""One block of its activations takes 192 MB."""

SETTINGS: dict[str, Any] = {
    "cpu_workers": 1,
    "batch_tokens": 700_000,
    "reading": ReadingRules(max_length=len(HUGE)),
}
"""The huge sequence shares its batch with the next in length."""


def write_fasta(path: Path, records: dict[str, str]) -> None:
    path.write_text("".join(f">{name}\n{residues}\n" for name, residues in records.items()))


def give_room(run: RunSession) -> None:
    """Limit the worker, once it is ready, to what it has and a little more."""
    while not run.worker_service.facts:
        assert not run.wait(0.05)
    pid = run.engine.pids()["cpu:0"]
    used = psutil.Process(pid).memory_info().vms
    resource.prlimit(pid, resource.RLIMIT_AS, (used + ROOM, used + ROOM))


def test_only_the_sequence_that_does_not_fit_fails(checkpoint: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "proteins"
    inputs.mkdir()
    small = {f"p{number}": "MKVLAAGIVGLLLAQ" * (number + 1) for number in range(6)}
    write_fasta(inputs / "mixed.fasta", {"titin": "MKV" * 100, "titin_1": HUGE, **small})
    write_fasta(inputs / "plain.fasta", small)

    run = session(inputs, checkpoint, tmp_path / "out", **SETTINGS)
    assert run.execute(PauseAll()).accepted
    run.start()
    give_room(run)
    assert run.execute(ResumeAll()).accepted
    summary = finished(run)

    assert (summary.done, summary.failed, summary.missing) == (2, (), 1)
    assert exit_code(summary) == 1
    (line,) = (line for line in summary.warnings if "did not fit into memory" in line)
    assert line.endswith("have no vectors: 1 in 1 file (mixed.fasta: titin_1)")
    assert any(line.startswith("1 sequence did not fit") for line in summary_lines(summary))

    mixed = torch.load(tmp_path / "out" / "mixed_ESM.pt", weights_only=True)
    assert mixed["proteins"] == ["titin", *small]
    assert len(mixed["data"]) == len(mixed["proteins"])
    assert mixed["metadata"]["failed_ids"] == ["titin_1"]
    assert mixed["metadata"]["split_batches"] == 1
    plain = torch.load(tmp_path / "out" / "plain_ESM.pt", weights_only=True)
    assert plain["metadata"]["failed_ids"] == []
    assert plain["metadata"]["split_batches"] == 0
    for vector, other in zip(mixed["data"][1:], plain["data"], strict=True):
        torch.testing.assert_close(vector, other)

    past = FinishedRun(tmp_path / "out").summary()
    assert (past.done, past.missing, past.warnings) == (2, 1, summary.warnings)

    again = session(inputs, checkpoint, tmp_path / "out", **SETTINGS)
    again.start()
    assert finished(again).missing == 1
    assert outputs(tmp_path / "out").keys() == {"mixed_ESM.pt", "plain_ESM.pt"}
    assert leftovers(tmp_path / "out") == []
