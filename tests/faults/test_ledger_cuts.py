"""An app that dies at every single point at which it writes its ledger, and a power cut.

No worker runs: the test takes leases and hands in outputs by hand, through the very board that
workers talk to, so that hundreds of deaths cost seconds.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import stat
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoints import make_checkpoint
from tui_balancer.ledger.changes import Entry, FileDone
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState, SessionEnd
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.ledger.writing import Ledger
from tui_balancer.outputs.sealing import measure, sync
from tui_balancer.run.live.disk_full import DiskFullPause
from tui_balancer.run.live.worker_service import WorkerService
from tui_balancer.run.prepare.conflicts import refuse_run_conflicts
from tui_balancer.run.prepare.prepare import PreparedRun, prepare
from tui_balancer.run.prepare.resume import ResumePlan, Resuming, find_run, plan_resume
from tui_balancer.run.prepare.run_files import find_run_files
from tui_balancer.run_folder.folder import RunFolder
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import Event, UnbundleEvent
from tui_balancer.settings import DeviceSettings, EmbeddingChoice, RunSettings
from tui_balancer.workers.wire.protocol import DeviceFacts, FileResult, Task, TaskResult, WorkerId

FILES = {0, 1, 2, 3}
FACTS = DeviceFacts("a CPU", None, 0.0, "", 1)


class Killed(BaseException):
    """The app is gone at this very point."""


class Reaper:
    """Kills the app at its n-th append to the ledger, before it or after it.

    Attributes:
        at: Which one; 0 for none.
        after: Whether the append still happens.
        seen: Appends so far.
    """

    def __init__(self) -> None:
        self.at, self.after, self.seen = 0, False, 0

    def around(self, write: Callable[..., None]) -> Callable[..., None]:
        def reaped(ledger: Ledger, *arguments: Any) -> None:
            self.seen += 1
            last = self.seen == self.at
            if not last or self.after:
                write(ledger, *arguments)
            if last:
                raise Killed

        return reaped


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> Reaper:
    reaper = Reaper()
    for name in ("record_scan", "append_all", "end_session"):
        monkeypatch.setattr(Ledger, name, reaper.around(getattr(Ledger, name)))
    return reaper


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedRun:
    """A run over four inputs that was looked at once; each test moves it to its own folder.

    The first and the last one are less than a batch, and make a bundle.
    """
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "proteins").mkdir()
    for number, length in enumerate((5, 30, 30, 6)):
        (folder / "proteins" / f"{number}.faa").write_text(f">p{number}\n{'M' * length}\n")
    return prepare(
        RunSettings(
            inputs=(str(folder / "proteins"),),
            output=folder / "out",
            model=str(make_checkpoint(folder / "esm2_tiny.pt")),
            embedding=EmbeddingChoice(batch_tokens=20),
            devices=DeviceSettings("cpu", cpu_workers=1, cpu_threads=1),
        )
    )


def taken_up(prepared: PreparedRun, output: Path) -> PreparedRun:
    """Return the run as it goes on from what a folder holds."""
    stored = find_run(output)
    refuse_run_conflicts(
        replace(prepared.settings, output=output),
        [prepared.models[0].inputs],
        stored,
        retry_failed=False,
    )
    resume_plan: ResumePlan | None = None
    if stored is not None and stored.files:
        resume_plan = plan_resume(stored, [prepared.settings.inputs], Resuming())
    return replace(
        prepared,
        settings=replace(prepared.settings, output=output),
        sessions=len(stored.sessions) if stored is not None else 0,
        resume_plan=resume_plan,
    )


def work(prepared: PreparedRun, computed: list[int], *, poison: bool = False) -> None:
    """Do one session of a run, from taking the folder to letting it go.

    The second file's first worker dies, and that of the bundle whenever it is taken if it is
    poison; each output is the name of its input and the attempt leaves no trace in it.
    """
    folder = RunFolder.take(prepared.folder, prepared.record, prepared.sessions)
    try:
        run_files = find_run_files(prepared, folder, lambda *counts: None, threading.Event())
        journal = LedgerWriter(folder.ledger, lambda: 0.0)

        def note(event: Event) -> None:
            journal.note(event)
            if isinstance(event, UnbundleEvent):
                run_files.manifest.break_up(event.unit_id)

        coordinator = WorkStealingCoordinator(
            prepared.specs,
            policy=prepared.settings.balancing.policy,
            clock=lambda: 0.0,
            sink=note,
        )
        board = WorkerService(coordinator, journal, DiskFullPause(coordinator), folder.presence)
        manifest = run_files.manifest
        board.manifest = manifest
        files = [manifest.file_unit(number) for number in range(len(manifest.files))]
        board.publisher.owned = run_files.owned
        run_files.assign_to(coordinator, files)
        worker = hired(coordinator, board)
        while (task := taken(board, worker)) is not None:
            if (task.unit_id == 1 and task.epoch == 1) or (poison and len(task.files) > 1):
                coordinator.worker_died(worker.device, worker.incarnation, "killed")
                worker = hired(coordinator, board)
                continue
            computed += [file.file_id for file in task.files]
            board.finish(worker, result(task))
        journal.flush()
        folder.release(SessionEnd.FINISHED)
    except Killed:
        # What the kernel does for a process that dies: its files are closed, its locks undone.
        folder.ledger._connection.close()
        folder._lock.release()
        raise


def hired(coordinator: WorkStealingCoordinator, board: WorkerService) -> WorkerId:
    worker = WorkerId("cpu:0", coordinator.worker_starting("cpu:0"))
    board.hello(worker, FACTS)
    return worker


def taken(board: WorkerService, worker: WorkerId) -> Task | None:
    try:
        return board.take_nowait(worker)
    except queue.Empty:
        return None


def result(task: Task) -> TaskResult:
    """Write what a worker would, and say so."""
    results = []
    for file in task.files:
        for output in file.outputs:
            output.temporary.write_bytes(file.source.name.encode())
        written = tuple(measure(output.temporary) for output in file.outputs)
        for output in file.outputs:
            sync(output.temporary)
        results.append(FileResult(file.file_id, written=written, sequences=1))
    return TaskResult(task.unit_id, task.epoch, tuple(results), 0.0)


@pytest.mark.parametrize("poison", [False, True])
def test_whatever_the_ledger_was_about_to_say_the_next_session_finishes_the_run(
    prepared: PreparedRun, reaper: Reaper, tmp_path: Path, poison: bool
) -> None:
    quiet: list[int] = []
    work(taken_up(prepared, tmp_path / "quiet"), quiet, poison=poison)
    points = reaper.seen
    assert sorted(quiet) == sorted(FILES)
    assert points > 2 * len(FILES)

    for at in range(1, points + 1):
        for after in (False, True):
            out = tmp_path / f"{at}-{after}"
            reaper.at, reaper.after, reaper.seen = at, after, 0
            first: list[int] = []
            second: list[int] = []
            with pytest.raises(Killed):
                work(taken_up(prepared, out), first, poison=poison)
            done_before = done_files(out)
            reaper.at = 0
            work(taken_up(prepared, out), second, poison=poison)

            assert not done_before & set(second), "finished work was repeated"
            assert done_before | set(second) == FILES
            assert set(first) | set(second) == FILES
            assert done_files(out) == FILES
            assert contents(out) == contents(tmp_path / "quiet")
            assert not list(out.rglob("*.tmp"))


def test_a_file_of_a_bundle_whose_place_is_taken_fails_alone_and_leaves_nothing(
    prepared: PreparedRun, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = taken_up(prepared, out)
    out.mkdir()
    (out / "0_ESM.tsv").write_text("theirs")
    work(run, [])
    assert done_files(out) == FILES - {0}
    assert sorted(path.name for path in out.glob("0_*")) == ["0_ESM.tsv"]
    assert (out / "0_ESM.tsv").read_text() == "theirs"


class Disk:
    """Remembers what a power cut would leave: synced files, and the names in synced folders."""

    def __init__(self) -> None:
        self.files: dict[int, tuple[int, int]] = {}
        self.names: dict[tuple[int, str], int] = {}
        self.folder_syncs = 0

    def fsync(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISDIR(status.st_mode):
            self.files[status.st_ino] = (status.st_size, status.st_mtime_ns)
            return
        self.folder_syncs += 1
        for entry in os.scandir(descriptor):
            self.names[status.st_ino, entry.name] = entry.inode()

    def keeps(self, path: Path) -> bool:
        """Whether a file would be there after a power cut, as it is now."""
        status = path.stat()
        named = self.names.get((path.parent.stat().st_ino, path.name)) == status.st_ino
        return named and self.files.get(status.st_ino) == (status.st_size, status.st_mtime_ns)


def test_what_the_ledger_says_is_done_survives_a_power_cut(
    prepared: PreparedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, out = Disk(), tmp_path / "out"
    monkeypatch.setattr(os, "fsync", disk.fsync)
    done: list[Path] = []
    syncs: list[int] = []
    append_all, unlink = Ledger.append_all, os.unlink

    def appended(ledger: Ledger, entries: Sequence[Entry]) -> None:
        changes = [one for entry in entries for one in entry.changes if isinstance(one, FileDone)]
        for change in changes:
            output = out / ledger.files()[change.file_id].file.output
            done.extend((output, *(out / one.output for one in change.others)))
        assert all(map(disk.keeps, done))
        if changes:
            syncs.append(disk.folder_syncs)
        append_all(ledger, entries)

    def unlinked(path: Path, **options: Any) -> None:
        # Of a published output one name stays, whenever the power goes.
        final = path.with_name(path.name.removesuffix(".1.tmp")) if path.suffix == ".tmp" else None
        assert final is None or disk.keeps(final)
        unlink(path, **options)

    monkeypatch.setattr(Ledger, "append_all", appended)
    monkeypatch.setattr(os, "unlink", unlinked)
    work(taken_up(prepared, out), [])
    assert sorted(path.name for path in done) == sorted(
        f"{number}_ESM.{suffix}" for number in FILES for suffix in ("pt", "tsv")
    )
    # The two files of the bundle share a sync, and so do the outputs of each file.
    assert len(syncs) == syncs[-1] - syncs[0] + 1 == len(FILES) - 1


def test_an_app_that_dies_before_its_ledger_says_anything_leaves_a_folder_for_a_new_run(
    prepared: PreparedRun, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with closing(sqlite3.connect(out / LEDGER_NAME)) as ledger:
        ledger.execute("PRAGMA journal_mode = WAL")
    assert (out / LEDGER_NAME).stat().st_size > 0
    computed: list[int] = []
    work(taken_up(prepared, out), computed)
    assert done_files(out) == set(computed) == FILES


def done_files(folder: Path) -> set[int]:
    with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
        return {row.file.file_id for row in ledger.files() if row.state is FileState.DONE}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*_ESM.pt")}
