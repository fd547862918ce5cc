"""A run folder that goes away, or becomes another one, while a run works in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.sessions import finished, held, outputs, session, wait_until
from tui_balancer.exit_codes import EXIT_FAILED
from tui_balancer.ledger.lock import LOCK_NAME
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.run.live.session import RunSession
from tui_balancer.run_folder.names import ATTACH_FILE
from tui_balancer.run_folder.presence import Presence, missing_outputs
from tui_balancer.view.summary_text import exit_code, summary_lines

THEIRS = (LEDGER_NAME, LOCK_NAME, ATTACH_FILE, "sample_1_ESM.pt.1.tmp", "sample_1_ESM.pt.partial")
"""Names that a run removes at its end, where they are its own."""


def removed(out: Path) -> Path:
    shutil.rmtree(out, ignore_errors=True)
    # A worker may be about to write there, and makes what it needs for that.
    shutil.rmtree(out, ignore_errors=True)
    return out


def moved(out: Path) -> Path:
    out.rename(out.with_name("moved"))
    return out


def replaced(out: Path) -> Path:
    moved(out)
    out.mkdir(exist_ok=True)
    for name in THEIRS:
        (out / name).write_text("of another run")
    return out


def without_ledger(out: Path) -> Path:
    (out / LEDGER_NAME).unlink()
    return out / LEDGER_NAME


def with_another_ledger(out: Path) -> Path:
    shutil.copy(out / LEDGER_NAME, out / "copy")
    (out / "copy").replace(out / LEDGER_NAME)
    return out / LEDGER_NAME


@pytest.fixture
def at_work(proteins: Path, checkpoint: Path, tmp_path: Path) -> Iterator[RunSession]:
    """A run that is in the middle of a file until the end of the test."""
    run = session(proteins, checkpoint, tmp_path / "out")
    run.start()
    with held(run):
        yield run


@pytest.mark.parametrize("harm", [removed, moved, replaced, without_ledger, with_another_ledger])
def test_a_run_whose_folder_or_ledger_goes_away_says_so_within_seconds_and_fails(
    at_work: RunSession, tmp_path: Path, harm: Callable[[Path], Path]
) -> None:
    began = at_work.elapsed_seconds()
    what = harm(tmp_path / "out")
    summary = finished(at_work)
    assert exit_code(summary) == EXIT_FAILED
    problem, before, *_ = summary_lines(summary)
    assert f"removed or replaced during the run: {what}. Restore it" in problem
    assert before.startswith("before that, ")
    assert summary.waiting > 0
    assert summary.elapsed_seconds - began < 30.0
    assert summary.failed == ()


def test_what_lies_in_the_place_of_the_folder_is_left_alone(
    at_work: RunSession, tmp_path: Path
) -> None:
    replaced(tmp_path / "out")
    finished(at_work)
    assert {(tmp_path / "out" / name).read_text() for name in THEIRS} == {"of another run"}


def test_a_folder_that_was_moved_and_is_put_back_is_resumed_and_no_file_has_failed(
    at_work: RunSession,
    proteins: Path,
    checkpoint: Path,
    quiet: dict[str, bytes],
    tmp_path: Path,
) -> None:
    out = moved(tmp_path / "out")
    finished(at_work)
    shutil.rmtree(out, ignore_errors=True)
    (tmp_path / "moved").rename(out)
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        assert not [row for row in ledger.files() if row.state is FileState.FAILED or row.deaths]
    again = session(proteins, checkpoint, out)
    again.start()
    assert exit_code(finished(again)) == 0
    assert outputs(out) == quiet


def test_an_output_that_is_gone_at_the_end_is_named_and_the_run_is_not_all_done(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = session(proteins, checkpoint, out)
    run.start()
    wait_until(run, lambda: outputs(out))
    first = next(iter(outputs(out)))
    (out / first).unlink()
    summary = finished(run)
    assert summary.waiting == 0
    assert exit_code(summary) == EXIT_FAILED
    told = f"problem  1 output is missing: {first}. Run the same command again"
    assert summary_lines(summary)[0].startswith(told)


def test_a_folder_that_cannot_be_looked_at_just_now_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LEDGER_NAME).touch()
    presence = Presence(tmp_path, tmp_path / LEDGER_NAME)

    def fails(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", fails)
        assert presence.loss() == ""
    (tmp_path / LEDGER_NAME).unlink()
    assert presence.loss().startswith("The ledger was removed or replaced")
    presence.close()


def test_a_run_without_files_misses_none(tmp_path: Path) -> None:
    assert missing_outputs(tmp_path, ()) == ""
