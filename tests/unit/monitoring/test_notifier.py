"""Notification commands: what they read, and that none of them hurts the run."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_run import FakeRun
from tests.support.pictures import FINISHED, RUNNING, SUMMARY
from tui_balancer.failures import FailureCause
from tui_balancer.monitoring import notifier
from tui_balancer.monitoring.notifier import LOG_NAME, Notifier
from tui_balancer.scheduler.events import FailureEvent

EMPTY = FailureEvent(0, 1.0, 0, "a.faa", None, "the file is empty", cause=FailureCause.EMPTY)


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    found = FakeRun(RUNNING)
    found.logs = tmp_path
    return found


def steps(run: FakeRun, *actions: Callable[[], object]) -> Callable[[float], bool]:
    """Return a wait that does something at each look, and then ends the run."""
    left = iter(actions)

    def wait(_seconds: float) -> bool:
        action = next(left, None)
        if action is None:
            run.current, run.final = FINISHED, SUMMARY
            return True
        action()
        return False

    return wait


def received(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "got").read_text().splitlines()]


def test_a_command_reads_what_happened_and_then_the_end(run: FakeRun, tmp_path: Path) -> None:
    command = f"cat >> {tmp_path}/got; echo >> {tmp_path}/got; echo heard"
    Notifier(run, command).watch(steps(run, lambda: run.happen([EMPTY])))
    failed, ended = received(tmp_path)
    assert failed["format"] == ended["format"] == 1
    assert failed["alerts"] == [
        {"kind": "failed", "cause": "empty", "count": 1, "text": "a.faa: the file is empty"}
    ]
    assert (failed["exit_code"], failed["status"]["phase"]) == (None, "running")
    assert [one["kind"] for one in ended["alerts"]] == ["ended"]
    assert (ended["exit_code"], ended["status"]["phase"]) == (1, "finished")
    assert (tmp_path / LOG_NAME).read_text() == "heard\nheard\n"


def test_a_hold_is_told_while_it_lasts(run: FakeRun, tmp_path: Path) -> None:
    command = f"cat >> {tmp_path}/got; echo >> {tmp_path}/got"
    Notifier(run, command).watch(steps(run, lambda: run.change(trouble="no space left")))
    assert received(tmp_path)[0]["text"] == "held: no space left"


@pytest.mark.parametrize("command", ["exit 3", "no-such-command", "kill -9 $$", "true"])
def test_a_command_that_fails_or_reads_nothing_is_only_noted(
    run: FakeRun, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier(run, command).watch(steps(run, lambda: run.happen([EMPTY])))
    assert ("the notification command failed" in caplog.text) == (command != "true")


def test_a_command_that_hangs_is_killed_with_its_children(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notifier, "END_SECONDS", 0.2)
    # The command and its child hold one end of it open until they are gone.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    Notifier(run, f"exec 3> {pipe}; sleep 1000 & wait").watch(steps(run))
    assert "takes too long and is killed" in caplog.text
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_another_command_waits_until_the_first_has_ended_or_was_killed(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "COMMAND_SECONDS", 0.0)
    monkeypatch.setattr("tui_balancer.monitoring.alerts.PAUSE_SECONDS", 0.0)
    again = FailureEvent(0, 2.0, 1, "b.faa", None, "cut short", cause=FailureCause.DAMAGED)
    command = f"cat >> {tmp_path}/got; echo >> {tmp_path}/got; exec sleep 1000"
    monkeypatch.setattr(notifier, "END_SECONDS", 0.2)

    pause = threading.Event()

    def until_read(lines: int) -> None:
        got = tmp_path / "got"
        while not got.exists() or got.read_text().count("\n") < lines:
            pause.wait(0.01)

    Notifier(run, command).watch(
        steps(
            run,
            lambda: run.happen([EMPTY]),
            lambda: until_read(1),
            lambda: run.happen([again]),
            lambda: until_read(2),
        )
    )
    empty, damaged, *_ = (one["alerts"][0]["cause"] for one in received(tmp_path))
    assert (empty, damaged) == ("empty", "damaged")


def test_where_the_logs_cannot_be_written_the_run_ends_all_the_same(run: FakeRun) -> None:
    run.logs = Path("no such folder")
    Notifier(run, "true").watch(steps(run))
