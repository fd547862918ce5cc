"""A run over a folder in which files arrive: each is embedded once, whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.sessions import (
    completed,
    finished,
    leftovers,
    outputs,
    session,
    wait_until,
)
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.live.session import RunSession
from tui_balancer.scheduler.commands import Drain
from tui_balancer.scheduler.events import WarningEvent
from tui_balancer.settings import WatchSettings

pytestmark = pytest.mark.usefixtures("preloaded")

WATCH = WatchSettings(watch=True, settle=0.1)
FILES = 20


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=FILES, sequences=60, seed=3)
    return folder


def watching(folder: Path, checkpoint: Path) -> RunSession:
    # In batches of one sequence no file shares batches with another one.
    run = session(folder / "in", checkpoint, folder / "out", batch_tokens=1, watching=WATCH)
    run.start()
    return run


def done(run: RunSession) -> int:
    return run.snapshot().totals.done


def test_files_that_arrive_are_embedded_once_and_whole(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    whole = session(proteins, checkpoint, tmp_path / "whole", batch_tokens=1)
    whole.start()
    assert finished(whole).done == FILES

    folder = tmp_path / "in"
    folder.mkdir()
    paths = sorted(proteins.iterdir())
    run = watching(tmp_path, checkpoint)
    slow = [folder / path.name for path in paths[:3]]
    half_written = [path.open("wb") for path in slow]
    for file, path in zip(half_written, paths[:3], strict=True):
        content = path.read_bytes()
        file.write(content[: len(content) // 2])
        file.flush()
    for number, path in enumerate(paths[3:-1]):
        if number % 2:
            Path(shutil.copy(path, folder / f".{path.name}")).rename(folder / path.name)
        else:
            shutil.copy(path, folder)
    (folder / "notes.txt").write_text("no sequences\n")
    wait_until(run, lambda: done(run) == FILES - 4)
    assert run.snapshot().totals.files == FILES - 4
    for file, path in zip(half_written, paths[:3], strict=True):
        content = path.read_bytes()
        file.write(content[len(content) // 2 :])
        file.close()
    wait_until(run, lambda: done(run) == FILES - 1)
    run.execute(Drain())
    assert finished(run).done == FILES - 1

    shutil.copy(paths[-1], folder)
    again = watching(tmp_path, checkpoint)
    wait_until(again, lambda: done(again) == FILES)
    again.execute(Drain())
    summary = finished(again)
    assert (summary.done, summary.failed, summary.waiting) == (FILES, (), 0)
    assert outputs(tmp_path / "out") == outputs(tmp_path / "whole")
    assert not leftovers(tmp_path / "out")


@pytest.mark.parametrize("inputs", [0, 1])
def test_a_file_that_is_no_input_is_reported_once_until_it_changes(
    proteins: Path, checkpoint: Path, tmp_path: Path, inputs: int
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for path in sorted(proteins.iterdir())[:inputs]:
        shutil.copy(path, folder)
    watching = WatchSettings(watch=True, settle=0.1, idle_exit=0.2)

    def reported() -> list[str]:
        """Return the files that a session warns of."""
        run = session(folder, checkpoint, tmp_path / "out", watching=watching)
        assert completed(run).stop_reason == ""
        warned = [event for event in run.events_after(0) if isinstance(event, WarningEvent)]
        return [Path(one.file).name for event in warned for one in event.notice.examples]

    earlier: list[str] = []
    for new, text in (("notes", "none"), ("late", "none"), ("", ""), ("notes", "still none")):
        if new:
            (folder / new).write_text(text)
        news = [new] if new else []
        # A run that has files shows what its earlier sessions found.
        assert reported() == [*(earlier if inputs else ()), *news]
        earlier += news


def test_a_run_that_watches_ends_after_it_had_nothing_to_do(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(min(proteins.iterdir()), tmp_path / "in")
    watching = WatchSettings(watch=True, settle=0.1, idle_exit=0.2)
    run = session(tmp_path / "in", checkpoint, tmp_path / "out", watching=watching)
    run.start()
    summary = finished(run)
    assert (summary.done, summary.interrupted, summary.stop_reason) == (1, False, "")
