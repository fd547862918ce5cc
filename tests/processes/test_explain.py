"""`explain` on a run of another process: while it lives, after it was killed, after its end."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import begin, complete, run_command, tui_balancer_here
from tests.support.sessions import session

pytestmark = pytest.mark.usefixtures("preloaded")

DEADLINE_SECONDS = 200.0


@pytest.fixture(scope="module")
def live(endless: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run whose one worker is at work on the first of three files."""
    folder = tmp_path_factory.mktemp("explained")
    process = begin(run_command(endless, output=folder), "cpu:0  idle")
    yield folder
    process.kill()
    process.wait()


def explained(folder: Path, *names: str) -> list[dict[str, str]]:
    answer = tui_balancer_here("explain", folder, *names, "--json")
    assert answer.returncode == 0, answer.stderr
    found: list[dict[str, str]] = json.loads(answer.stdout)["explanations"]
    return found


def test_a_live_run_answers_for_its_files_and_device(live: Path, endless: Path) -> None:
    names = sorted(path.name for path in endless.iterdir())
    asked_again = threading.Event()
    for _ in range(int(DEADLINE_SECONDS / 0.1)):
        files = explained(live, *names)
        if any(one["state"] == "running" for one in files):
            break
        asked_again.wait(0.1)
    (running,) = (one for one in files if one["state"] == "running")
    assert running["text"].startswith(f"{running['name']} has run on cpu:0 since ")
    waiting = [one["text"] for one in files if one["state"] == "waiting"]
    assert len(waiting) == 2
    assert any(" waits: it is the next file of cpu:0" in text for text in waiting)
    assert any(" waits: it is 2nd in the queue of cpu:0" in text for text in waiting)
    (device,) = explained(live, "cpu:0")
    assert device["text"].startswith(f"cpu:0 is busy with {running['name']}: ")
    assert " 2 files wait for it" in device["text"]


def test_a_process_of_its_own_says_by_its_exit_code_that_a_name_is_not_known(live: Path) -> None:
    answer = complete([sys.executable, "-m", "tui_balancer", "explain", live, "cpu:7"])
    assert (answer.returncode, answer.stdout) == (1, "")
    unknown = "'cpu:7' is neither a file nor a device of this run. The nearest is cpu:0."
    assert unknown in answer.stderr


def test_a_run_that_has_ended_is_explained_by_its_ledger(
    little: Path, checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    run = session(little, checkpoint, folder)
    run.start()
    assert run.wait(DEADLINE_SECONDS)
    run.close()
    first, second, last = explained(folder)
    assert [(one["name"], one["state"]) for one in (first, second)] == [
        ("cpu:0", "stopped"),
        ("cpu:1", "stopped"),
    ]
    assert last["text"].startswith(f"{last['name']} is done: cpu:")
    assert last["text"].endswith("It was the last to end.")


def test_a_run_that_was_killed_is_explained_by_its_ledger(endless: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = begin(run_command(endless, output=folder), "running")
    process.kill()
    process.wait()
    names = sorted(path.name for path in endless.iterdir())
    for one in explained(folder, *names):
        assert one["state"] == "waiting"
        assert one["text"].startswith(f"{one['name']} waits: the run's process has died")
        assert one["text"].endswith(f"`tui-balancer resume {folder}` starts it.")
    (device,) = explained(folder, "cpu:0")
    assert "cpu:0 has been stopped since " in device["text"]
