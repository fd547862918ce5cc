"""Files that are added to a run at work: embedded as if they had been there from the start."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.support.sessions import (
    at_work,
    finished,
    held,
    leftovers,
    outputs,
    session,
    wait_until,
)
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.history.history import read_history
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.inputs.scan import ScanStopped
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.run.live import additions
from tui_balancer.run.live.session import RunSession
from tui_balancer.scheduler.commands import AddFiles
from tui_balancer.scheduler.events import AddedEvent

pytestmark = pytest.mark.usefixtures("preloaded")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=5, sequences=60, seed=3)
    (folder / "sample_6.fasta").write_text("no sequences\n")
    return folder


@pytest.fixture(scope="module")
def whole(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The outputs of a run that had all files from the start."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    run = session(proteins, checkpoint, folder, cpu_workers=1)
    run.start()
    finished(run)
    return outputs(folder)


def begun(proteins: Path, checkpoint: Path, folder: Path, files: int) -> RunSession:
    """Return a run that has started with the first files of a copy of the folder."""
    (folder / "proteins").mkdir(parents=True)
    for path in sorted(proteins.iterdir())[:files]:
        shutil.copy(path, folder / "proteins")
    run = session(folder / "proteins", checkpoint, folder / "out")
    run.start()
    return run


def arrive(proteins: Path, folder: Path) -> None:
    """Copy the files that are not there yet."""
    for path in proteins.iterdir():
        if not (folder / "proteins" / path.name).exists():
            shutil.copy(path, folder / "proteins")


def added(run: RunSession) -> list[AddedEvent]:
    return [event for event in run.events_after(0) if isinstance(event, AddedEvent)]


def test_added_files_have_the_bytes_of_a_run_that_had_them_from_the_start(
    proteins: Path, checkpoint: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    run = begun(proteins, checkpoint, tmp_path, 2)
    with held(run, at_work):
        arrive(proteins, tmp_path)
        outcome = run.execute(AddFiles((str(tmp_path / "proteins"),)))
        assert outcome.accepted
        assert outcome.message in (
            "scanning 4 files; 2 files are in the run already",
            "looking for files",
        )
        wait_until(run, lambda: added(run))
        assert run.snapshot().totals.files == 6
        assert [unit.name for unit in run.units()] == [
            f"sample_{number}.fasta" for number in range(1, 7)
        ]
    summary = finished(run)
    assert (summary.done, summary.waiting) == (5, 0)
    assert [one.name for one in summary.failed] == ["sample_6.fasta"]
    assert outputs(tmp_path / "out") == whole
    assert not leftovers(tmp_path / "out")
    assert_history(tmp_path / "out")


def assert_history(folder: Path) -> None:
    """The ledger alone tells when the files came."""
    past = FinishedRun(folder)
    assert past.summary().done == 5
    history = read_history(folder)
    assert (history.known, len(history.units)) == (2, 6)
    (event,) = [one for one in history.events if isinstance(one, AddedEvent)]
    assert (event.files, event.text) == (
        4,
        "4 files: sample_3.fasta, sample_4.fasta, sample_5.fasta and 1 more; "
        "2 files are in the run already",
    )
    replay = ReplayRun(folder, clock=lambda: 0.0)
    for moment, files in ((event.seconds - 1e-6, 2), (event.seconds, 6)):
        replay.seek(moment)
        assert (replay.snapshot().totals.files, len(replay.units())) == (files, files)


def test_a_run_that_died_before_it_assigned_new_files_resumes_with_them(
    proteins: Path, checkpoint: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    run = begun(proteins, checkpoint, tmp_path, 2)
    with held(run, at_work):
        arrive(proteins, tmp_path)
        with patch.object(run.coordinator, "add", side_effect=OSError("it dies here")):
            run.execute(AddFiles((str(tmp_path / "proteins"),)))
            wait_until(run, lambda: "it dies here" in str(run.snapshot().warnings))
        with closing(read_ledger(tmp_path / "out" / LEDGER_NAME)) as ledger:
            assert len(ledger.files()) == 6
        run.close()
    again = session(tmp_path / "proteins", checkpoint, tmp_path / "out")
    again.start()
    summary = finished(again)
    assert (summary.done, summary.waiting) == (5, 0)
    assert outputs(tmp_path / "out") == whole
    ReplayRun(tmp_path / "out", clock=lambda: 0.0).seek(1e9)


def test_what_a_run_accepted_and_did_not_add_is_added_by_the_next_session(
    proteins: Path, checkpoint: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    run = begun(proteins, checkpoint, tmp_path, 2)

    def scan(_prepared: object, _held: object, _new: object, stop: threading.Event) -> None:
        """Take until the run is stopped."""
        stop.wait()
        raise ScanStopped

    with patch.object(additions, "scan_added", scan):
        arrive(proteins, tmp_path)
        assert run.execute(AddFiles((str(tmp_path / "proteins"),))).accepted
        # The run is not over, although it has nothing to do.
        wait_until(run, lambda: run.snapshot().totals.done == 2)
        run.close()
    assert "resume adds them" in str(run.snapshot().warnings[-1])
    again = session(tmp_path / "proteins", checkpoint, tmp_path / "out")
    again.start()
    summary = finished(again)
    assert (summary.done, summary.waiting) == (5, 0)
    assert outputs(tmp_path / "out") == whole
    assert kept_additions(tmp_path / "out") == ()


def kept_additions(folder: Path) -> tuple[tuple[int, str], ...]:
    with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
        return ledger.additions()


def test_what_cannot_be_added_is_refused_in_the_words_of_the_start(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = begun(proteins, checkpoint, tmp_path, 2)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(proteins, elsewhere)
    (tmp_path / "out" / "elsewhere").mkdir()
    (tmp_path / "out" / "elsewhere" / "sample_4_ESM.pt").write_text("somebody's")

    def told(*inputs: Path) -> str:
        """Return the answer, or the warning where that comes later."""
        before = len(run.snapshot().warnings)
        outcome = run.execute(AddFiles(tuple(map(str, inputs))))
        if outcome.accepted:
            wait_until(run, lambda: len(run.snapshot().warnings) > before)
            return run.snapshot().warnings[-1].removeprefix("nothing was added: ")
        return outcome.message

    with held(run, at_work):
        missing = tmp_path / "missing.faa"
        assert told(missing) == f"no such file or folder: {missing}"
        assert told(tmp_path / "proteins") == "nothing to add; 2 files are in the run already"
        taken = told(elsewhere / "sample_4.fasta")
        assert taken.startswith("files are in the way of outputs: ")
        assert run.snapshot().totals.files == 2
        other = AddFiles((), (("esm2_none", str(elsewhere)),))
        assert "esm2_none is not a model of this run" in run.execute(other).message
        wait_until(run, lambda: kept_additions(tmp_path / "out") == ())

        # Named from the folder that holds both, its output is none of another file.
        assert run.execute(AddFiles((str(elsewhere / "sample_1.fasta"),))).accepted
        wait_until(run, lambda: added(run))
    summary = finished(run)
    assert (summary.done, summary.failed) == (3, ())
    made = tmp_path / "out" / "elsewhere"
    assert (made / "sample_1_ESM.pt").exists()
    assert (made / "sample_4_ESM.pt").read_text() == "somebody's"
