"""Many tiny files in a whole run: bundled, computed by two workers, and made anew."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.sessions import finished, leftovers, outputs, session, wait_until
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.scheduler.commands import PauseAll, ResumeAll
from tui_balancer.scheduler.events import DoneEvent

pytestmark = pytest.mark.usefixtures("preloaded")

FILES = 30


def test_tiny_files_go_through_together_and_come_out_one_by_one(tmp_path: Path) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    write_synthetic(inputs, files=FILES, sequences=70, seed=5)
    checkpoint = make_checkpoint(tmp_path / "esm2_tiny.pt")
    usual = {"batch_tokens": 4096}
    alone = {"cpu_workers": 1, "stealing": False}
    quiet = session(inputs, checkpoint, tmp_path / "quiet", **usual, **alone)
    quiet.start()
    finished(quiet)

    run = session(inputs, checkpoint, out, **usual)
    run.start()
    summary = finished(run)
    done = [event for event in run.events_after(0) if isinstance(event, DoneEvent)]
    assert summary.done == FILES
    assert sum(len(event.files) or 1 for event in done) == FILES > 2 * len(done)
    assert sum(device.files for device in summary.devices) == FILES
    assert outputs(out) == outputs(tmp_path / "quiet")
    assert leftovers(out) == []

    before = outputs(out)
    lost, spoilt, kept = (out / f"sample_{number}_ESM.pt" for number in ("03", "07", "09"))
    lost.unlink()
    spoilt.write_bytes(b"spoilt")
    untouched = kept.stat().st_mtime_ns
    again = session(inputs, checkpoint, out, **usual)
    again.start()
    assert finished(again).done == FILES
    assert outputs(out) == before
    assert kept.stat().st_mtime_ns == untouched
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        assert {row.state for row in ledger.files()} == {FileState.DONE}


def test_a_bad_file_fails_alone_in_its_bundle(tmp_path: Path) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    write_synthetic(inputs, files=6, sequences=12, seed=5)
    checkpoint = make_checkpoint(tmp_path / "esm2_tiny.pt")
    run = session(inputs, checkpoint, out, batch_tokens=4096)
    run.execute(PauseAll())
    run.start()
    wait_until(run, run.units)
    (inputs / "sample_4.fasta").write_text(">other\nMKV\n")
    run.execute(ResumeAll())
    summary = finished(run)

    (failure,) = summary.failed
    assert (failure.name, failure.reason) == ("sample_4.fasta", "it changed since the scan")
    assert (summary.done, len(outputs(out)), leftovers(out)) == (5, 5, [])
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        states = [row.state for row in ledger.files()]
    assert states == [FileState.FAILED if number == 3 else FileState.DONE for number in range(6)]
