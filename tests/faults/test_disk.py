"""A disk that fills up: under a worker, under the app, under the ledger."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.leases import leases_of
from tests.support.sessions import at_work, finished, held, leftovers, outputs, session, wait_until
from tui_balancer.errors import UserError
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs import atomic
from tui_balancer.outputs.atomic import Replace
from tui_balancer.outputs.layout import OUTPUT_SUFFIX, temporary_path
from tui_balancer.run.live import publisher
from tui_balancer.run.live.session import RunSession
from tui_balancer.scheduler.commands import ResumeAll, SetPolicy, StopNow
from tui_balancer.scheduler.events import DeviceEvent, FailureEvent, ReturnEvent
from tui_balancer.scheduler.model import ReturnCause, TimeSettings

FULL = "No space left on device"


def attempts(folder: Path) -> dict[str, int]:
    with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
        assert {row.state for row in ledger.files()} == {FileState.DONE}
        return {row.file.name: row.attempts for row in ledger.files()}


def reasons(run: RunSession) -> list[str]:
    return [event.reason for event in run.events_after(0) if isinstance(event, DeviceEvent)]


@pytest.fixture
def full_below_outputs(tmp_path: Path) -> Callable[[RunSession], None]:
    """Make every first attempt's output a way to a device that is always full."""

    def fill(run: RunSession) -> None:
        for number in range(1, 5):
            output = tmp_path / "out" / f"sample_{number}{OUTPUT_SUFFIX}"
            temporary_path(output, 1).symlink_to("/dev/full")

    return fill


def test_a_full_disk_under_a_worker_holds_the_run_until_a_key_and_charges_nobody(
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    full_below_outputs: Callable[[RunSession], None],
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out", cpu_workers=1)
    full_below_outputs(run)
    run.start()
    held = 0
    # While one output cannot be written, the next file may be on its way.
    while not run.wait(0.01):
        snapshot = run.snapshot()
        if snapshot.trouble and snapshot.paused:
            assert FULL in snapshot.trouble
            assert run.execute(ResumeAll()).accepted
            held += 1
    summary = finished(run)
    assert held > 0

    assert (summary.done, summary.failed, summary.waiting) == (4, (), 0)
    assert not any(isinstance(event, FailureEvent) for event in run.events_after(0))
    assert [one.restarts for one in summary.devices] == [0]
    assert set(attempts(tmp_path / "out").values()) == {2}
    assert outputs(tmp_path / "out") == quiet
    assert leftovers(tmp_path / "out") == []


def test_a_run_without_a_screen_goes_on_by_itself_when_there_is_space_again(
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    full_below_outputs: Callable[[RunSession], None],
) -> None:
    monkeypatch.setattr("tui_balancer.run.live.maintenance.SPACE_CHECK_SECONDS", 0.0)
    run = session(proteins, checkpoint, tmp_path / "out")
    run.unattended = True
    full_below_outputs(run)
    run.start()
    assert finished(run).done == 4
    assert "there is space again" in reasons(run)
    assert outputs(tmp_path / "out") == quiet


def test_an_output_that_finds_no_place_waits_and_is_not_computed_again(
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused: list[Path] = []

    def place(temporary: Path, final: Path, replace: Replace) -> None:
        if final not in refused:
            refused.append(final)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        atomic.place(temporary, final, replace)

    monkeypatch.setattr(publisher, "place", place)
    run = session(proteins, checkpoint, tmp_path / "out", cpu_workers=1)
    run.start()
    # Four vectors and four indices.
    for number in range(1, 9):
        wait_until(run, lambda: bool(run.snapshot().trouble))
        assert len(refused) == number
        assert run.snapshot().trouble == f"cannot put outputs in place: {FULL}"
        assert run.execute(ResumeAll()).accepted
    assert finished(run).done == 4
    assert set(attempts(tmp_path / "out").values()) == {1}
    assert outputs(tmp_path / "out") == quiet


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """Let this process write no further into any file than its first page."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_ledger_that_cannot_grow_holds_the_run_and_nothing_of_the_story_is_lost(
    proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    # What is shared out at the end counts as an attempt, too.
    run = session(proteins, checkpoint, tmp_path / "out", splitting=False)
    run.start()
    with held(run, at_work):
        wait_until(run, lambda: run.coordinator.totals().running == 2)
    with no_file_may_grow():
        run.execute(SetPolicy(TimeSettings(2.0)))
        wait_until(run, lambda: "ledger" in run.snapshot().trouble and run.snapshot().paused)
    assert run.execute(ResumeAll()).accepted
    assert finished(run).done == 4
    assert outputs(tmp_path / "out") == quiet
    with closing(read_ledger(tmp_path / "out" / LEDGER_NAME)) as ledger:
        sequences = [event.sequence for event in ledger.events()]
    assert sequences == list(range(1, len(run.events_after(0)) + 1))
    # Only what a worker asked for meanwhile came back, before it had it.
    returned = [event for event in run.events_after(0) if isinstance(event, ReturnEvent)]
    assert {event.cause for event in returned} <= {ReturnCause.NOT_RECORDED}
    tries = attempts(tmp_path / "out").values()
    assert all(1 <= count <= 1 + len(returned) for count in tries)


def test_a_run_that_is_stopped_on_a_full_disk_leaves_its_files_to_the_next(
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def place(temporary: Path, final: Path, replace: Replace) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as patch:
        patch.setattr(publisher, "place", place)
        run = session(proteins, checkpoint, tmp_path / "out")
        run.start()
        wait_until(run, lambda: bool(run.snapshot().trouble))
        assert run.execute(StopNow()).accepted
        summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (0, (), 4)
    assert not list((tmp_path / "out").rglob("*.tmp"))

    again = session(proteins, checkpoint, tmp_path / "out")
    again.start()
    assert finished(again).done == 4
    assert outputs(tmp_path / "out") == quiet


def test_outputs_that_cannot_fit_are_refused_before_anything_is_computed(
    proteins: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    run = session(proteins, checkpoint, tmp_path / "out")
    run.start()
    summary = finished(run)
    assert isinstance(run.refusal, UserError)
    assert "4 outputs will take about " in str(run.refusal)
    assert "1000 bytes is free" in str(run.refusal)
    assert summary.waiting == 4
    with closing(read_ledger(tmp_path / "out" / LEDGER_NAME)) as ledger:
        assert leases_of(ledger) == ()
