"""A run full of copies: computed once by whoever comes first, and the bytes do not tell."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.sessions import (
    finished,
    held,
    leftovers,
    outputs,
    session,
    wait_until,
)
from tui_balancer.outputs.dereplication import PLAN_FOLDER
from tui_balancer.scheduler.commands import AddFiles

FILES = 6

pytestmark = pytest.mark.usefixtures("preloaded")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files with the same sixty sequences, each in an order of its own, and some of their own."""
    folder, dice = tmp_path_factory.mktemp("proteins"), random.Random(4)

    def some(count: int) -> list[str]:
        return ["".join(dice.choices("LAGVSERT", k=dice.randint(20, 90))) for _ in range(count)]

    common = some(60)
    for number in range(FILES):
        found = [*dice.sample(common, 50), *some(10), *dice.choices(common, k=5)]
        (folder / f"{number}.faa").write_text(
            "".join(f">p{n}\n{one}\n" for n, one in enumerate(found))
        )
    return folder


@pytest.fixture(scope="module")
def quiet(proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quiet") / "out"
    run = session(proteins, checkpoint, folder, cpu_workers=1)
    run.start()
    summary = finished(run)
    assert (summary.done, summary.sequences) == (FILES, FILES * 65)
    assert summary.copies == FILES * 55 - 60
    return folder


def test_a_worker_killed_beside_another_changes_no_byte(
    quiet: Path, proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = session(proteins, checkpoint, tmp_path / "out")
    run.start()
    with held(run) as row:
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
    assert finished(run).done == FILES
    assert outputs(tmp_path / "out") == outputs(quiet)
    assert leftovers(tmp_path / "out") == []


def copies(paths: list[Path]) -> int:
    """Count the sequences of some files that occurred in them before."""
    found = [line for path in paths for line in path.read_text().splitlines()[1::2]]
    return len(found) - len(set(found))


def test_what_added_files_share_is_computed_once_and_again_with_the_same_bytes(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    started, late = tmp_path / "in", sorted(proteins.iterdir())[2:]
    started.mkdir()
    for path in sorted(proteins.iterdir())[:2]:
        shutil.copy(path, started)
    run = session(started, checkpoint, tmp_path / "out")
    run.start()
    with held(run):
        for path in late:
            shutil.copy(path, started)
        # An app that died before the ledger had its files has left this.
        left = tmp_path / "out" / PLAN_FOLDER / "from-99"
        left.mkdir(parents=True)
        assert run.execute(AddFiles((str(started),))).accepted
        wait_until(run, lambda: run.snapshot().totals.files == FILES)
        assert not left.exists()
    summary = finished(run)
    assert summary.done == FILES
    assert summary.copies == copies(sorted(proteins.iterdir())[:2]) + copies(late)
    before = outputs(tmp_path / "out")
    (tmp_path / "out" / "4_ESM.pt").unlink()
    again = session(started, checkpoint, tmp_path / "out")
    again.start()
    assert finished(again).done == FILES
    assert outputs(tmp_path / "out") == before
    assert leftovers(tmp_path / "out") == []


def test_an_output_that_is_made_anew_has_the_bytes_of_old(
    quiet: Path, proteins: Path, checkpoint: Path
) -> None:
    before = outputs(quiet)
    assert {path.name for path in (quiet / PLAN_FOLDER).iterdir()} >= {"plan.json", "keys.npy"}
    (quiet / "3_ESM.pt").unlink()
    again = session(proteins, checkpoint, quiet)
    again.start()
    assert finished(again).done == FILES
    assert outputs(quiet) == before
    assert leftovers(quiet) == []
