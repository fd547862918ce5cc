"""Runs with a file that is divided into shards, with workers killed and runs taken up again."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.sessions import at_work, finished, held, on_cores, wait_until
from tui_balancer.export.export import verify
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.history.history import read_history
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.history.run_report import account_of
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.prepare.resume import Resuming
from tui_balancer.scheduler.events import DoneEvent, LeaseEvent
from tui_balancer.scheduler.model import DeviceMetrics
from tui_balancer.settings import Shards

pytestmark = pytest.mark.usefixtures("preloaded")

SHARDS = 6


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large file, and a small one with a sequence of it."""
    folder = tmp_path_factory.mktemp("proteins")
    (huge,) = write_synthetic(folder, files=1, sequences=120, seed=3)
    huge = huge.rename(folder / "huge.faa")
    first = huge.read_text().split(">")[1]
    (folder / "small.faa").write_text(f">{first}")
    return folder


def session(
    proteins: Path,
    checkpoint: Path,
    output: Path,
    workers: int,
    *,
    shards: bool = True,
    resuming: Resuming = Resuming(),  # noqa: B008 - frozen
) -> RunSession:
    segment = (proteins / "huge.faa").stat().st_size // (2 * SHARDS) + 1
    return on_cores(
        proteins,
        str(checkpoint),
        output,
        workers,
        resuming=resuming,
        formats=("virnucpro", "npz"),
        reading=ReadingRules(segment_bytes=segment),
        shards=Shards(2 * segment if shards else None),
    )


def in_a_shard(row: DeviceMetrics) -> bool:
    running = row.running
    return running is not None and running.unit.whole is not None and 0 < running.fraction < 1


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*_ESM*")}


@pytest.fixture(scope="module")
def undivided(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, preloaded: None
) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undivided") / "out"
    run = session(proteins, checkpoint, folder, workers=1, shards=False)
    run.start()
    assert finished(run).done == 2
    return outputs(folder)


def done_units(run: RunSession) -> list[str]:
    return [event.unit_name for event in run.events_after(0) if isinstance(event, DoneEvent)]


def devices_of_shards(run: RunSession) -> set[str]:
    """Return the devices that had a shard."""
    leases = (event for event in run.events_after(0) if isinstance(event, LeaseEvent))
    return {lease.device for lease in leases if "⟨" in lease.unit_name}


def test_a_divided_file_is_the_same_whoever_dies_and_its_story_is_told(
    proteins: Path, checkpoint: Path, tmp_path: Path, undivided: dict[str, bytes]
) -> None:
    folder = tmp_path / "killed"
    run = session(proteins, checkpoint, folder, workers=2)
    run.start()
    with held(run, in_a_shard) as row:
        wait_until(run, lambda: devices_of_shards(run) == {"cpu:0", "cpu:1"})
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    summary = finished(run)

    assert (summary.done, summary.failed, summary.waiting) == (2, (), 0)
    assert outputs(folder) == undivided
    assert sum(device.restarts for device in summary.devices) == 1
    assert sum(device.files for device in summary.devices) == 2
    assert sum(device.residues for device in summary.devices) == summary.residues
    assert {f"huge.faa ⟨{number}/{SHARDS}⟩" for number in range(1, SHARDS + 1)} < set(
        done_units(run)
    )

    report = verify(folder)
    assert (report.problems, report.files, report.sequences) == ((), 2, 121)
    assert (FinishedRun(folder).summary().done, FinishedRun(folder).summary().residues) == (
        2,
        summary.residues,
    )
    account = account_of(read_history(folder))
    assert [file.name for file in account.files] == ["huge.faa", "small.faa"]
    assert (account.done, account.sequences, account.residues) == (2, 121, summary.residues)
    replay = ReplayRun(folder, clock=lambda: 0.0)
    for share in range(11):
        replay.seek(share / 10 * replay.playback().length)
        totals = replay.snapshot().totals
        assert totals.done + totals.failed + totals.running + totals.waiting == totals.files == 2
    assert totals.residues_done == summary.residues


def test_a_run_that_is_taken_up_again_computes_what_is_left_of_a_file(
    proteins: Path, checkpoint: Path, tmp_path: Path, undivided: dict[str, bytes]
) -> None:
    folder = tmp_path / "resumed"
    run = session(proteins, checkpoint, folder, workers=1)
    run.start()
    with held(run, lambda row: in_a_shard(row) and len(done_units(run)) >= 2):
        run.close()
    before = [name for name in done_units(run) if "⟨" in name]
    summary = run.summary()
    assert before
    assert summary is not None
    assert summary.waiting > 0
    # One that is damaged meanwhile is computed anew.
    lost = sorted(folder.glob("huge_ESM.shard?"))[0]
    lost.write_bytes(lost.read_bytes()[:-1])

    run = session(proteins, checkpoint, folder, workers=2)
    run.start()
    summary = finished(run)
    after = [name for name in done_units(run) if "⟨" in name]
    anew = f"huge.faa ⟨{lost.suffix.removeprefix('.shard')}/{SHARDS}⟩"
    assert set(before) & set(after) == {anew}
    assert len({*before, *after}) == SHARDS
    assert (summary.done, summary.failed, summary.waiting) == (2, (), 0)
    assert outputs(folder) == undivided
    assert summary.residues == FinishedRun(folder).summary().residues


def test_a_file_that_changes_under_its_run_fails_for_the_shard_that_did(
    proteins: Path, checkpoint: Path, tmp_path: Path, undivided: dict[str, bytes]
) -> None:
    folder = tmp_path / "changed"
    run = session(proteins, checkpoint, folder, workers=1)
    run.start()
    huge = proteins / "huge.faa"
    status, content = huge.stat(), huge.read_bytes()
    with held(run, at_work):
        with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
            rows = ledger.files()
        waiting = [row for row in rows if row.file.is_shard and row.state is FileState.WAITING]
        changed = waiting[-1].file
        place = changed.end_byte - 2
        huge.write_bytes(content[:place] + b"W" + content[place + 1 :])
    summary = finished(run)

    ((name, reason),) = [(one.name, one.reason) for one in summary.failed]
    number = changed.name.split("⟨")[1].split("/")[0]
    assert (name, reason) == (
        "huge.faa",
        f"shard {number} of {SHARDS}: it changed since the scan",
    )
    assert summary.done == 1

    # Put back, and tried again.
    huge.write_bytes(content)
    os.utime(huge, ns=(status.st_atime_ns, status.st_mtime_ns))
    run = session(proteins, checkpoint, folder, 2, resuming=Resuming(retry_failed=True))
    run.start()
    summary = finished(run)
    assert (summary.done, summary.failed) == (2, ())
    assert outputs(folder) == undivided
