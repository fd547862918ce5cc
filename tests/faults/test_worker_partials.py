"""Finished batches of a large file outlive the app, and a person's stop."""

from __future__ import annotations

from pathlib import Path

from tests.support.sessions import (
    finished,
    held,
    leftovers,
    outputs,
    session,
    worker_logs,
)
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.run_folder.settings_json import settings_of


def test_a_run_taken_up_again_goes_on_in_the_middle_of_its_files(
    proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    # A file that is divided is taken over by everybody who gets a part of it.
    run = session(proteins, checkpoint, tmp_path / "out", stealing=False)
    run.start()
    with held(run):
        run.close()
    kept = [path for path in leftovers(tmp_path / "out") if path.suffix == ".partial"]
    assert kept
    assert leftovers(tmp_path / "out") == kept

    again = RunSession(prepare(settings_of(tmp_path / "out")))
    again.start()
    assert finished(again).done == 4
    assert worker_logs(tmp_path / "out").count("of its sequences were embedded before") == len(kept)
    assert outputs(tmp_path / "out") == quiet
    assert leftovers(tmp_path / "out") == []
