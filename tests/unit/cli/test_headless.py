"""Plain lines: what a run without a screen tells, and that nothing can silence the run."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support import pictures
from tests.support.fake_run import FakeRun
from tui_balancer.cli.headless import HeadlessReporter, status_line, status_pause
from tui_balancer.notices import Notice
from tui_balancer.scheduler.events import (
    DeviceEvent,
    FailureEvent,
    SettingEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.handle import Phase, ScanProgress


def test_the_status_says_how_far_the_run_is_and_marks_the_estimate() -> None:
    line = status_line(pictures.RUNNING)
    assert "1,023/1,204 files" in line
    assert "left" in line
    assert "~" in line
    assert "cuda:2 paused, 131 queued" in line


def test_the_status_counts_failed_and_skipped_files_apart() -> None:
    totals = replace(pictures.RUNNING.totals, failed=3, skipped=2)
    line = status_line(replace(pictures.RUNNING, totals=totals))
    assert "  3 failed  2 skipped  " in line


def test_the_status_of_a_scan_counts_files_and_a_pause_is_said() -> None:
    scanning = replace(
        pictures.RUNNING, phase=Phase.SCANNING, scan=ScanProgress(1200, 34, 5000, 100_000)
    )
    assert status_line(scanning) == "scanning 34/1,200 files, 5,000 sequences"
    assert status_line(replace(pictures.RUNNING, paused=True)).startswith("paused ")


def ending_after(run: FakeRun, looks: int) -> Callable[[float], bool]:
    """Return a wait that lets something new happen at every look, and then ends the run."""
    seen = iter(range(looks))

    def wait(_seconds: float) -> bool:
        number = next(seen, None)
        if number is None:
            run.final = pictures.SUMMARY
            return True
        run.happen([SettingEvent(0, 1.0, f"change {number}")])
        return False

    return wait


def test_every_event_is_told_once_and_the_summary_comes_last() -> None:
    run, stream = FakeRun(pictures.RUNNING), io.StringIO()
    HeadlessReporter(run, stream).watch(ending_after(run, looks=3))
    lines = stream.getvalue().splitlines()
    told = [line for line in lines if "setting" in line]
    assert [line.split("setting  ")[1] for line in told] == ["change 0", "change 1", "change 2"]
    assert lines[-1] == f"outputs  {pictures.SUMMARY.output}"


def test_what_was_seen_on_the_screen_is_not_told_again() -> None:
    run, stream = FakeRun(pictures.RUNNING), io.StringIO()
    run.happen([SettingEvent(0, 1.0, "seen before")])
    HeadlessReporter(run, stream, from_now=True).watch(ending_after(run, looks=1))
    assert "seen before" not in stream.getvalue()
    assert "change 0" in stream.getvalue()


@pytest.mark.parametrize(
    ("hours", "seconds"), [(0, 5), (0.01, 5), (0.1, 18), (1, 180), (4, 600), (72, 600)]
)
def test_the_longer_a_run_the_rarer_its_status_lines(hours: float, seconds: float) -> None:
    assert status_pause(5.0, 3600 * hours) == pytest.approx(seconds)


@pytest.mark.parametrize("done", [True, False])
def test_a_quiet_run_tells_only_what_goes_wrong(done: bool) -> None:
    run, stream = FakeRun(pictures.RUNNING), io.StringIO()
    summary = replace(pictures.SUMMARY, failed=() if done else pictures.SUMMARY.failed)
    everyday = ending_after(run, looks=2)

    def wait(seconds: float) -> bool:
        if over := everyday(seconds):
            run.final = summary
        run.happen([WarningEvent(0, 1.0, Notice("repeated ids"))])
        if not done:
            run.happen([FailureEvent(0, 1.0, 4, "a.faa", None, "line 3: bad")])
        return over

    HeadlessReporter(run, stream, quiet=True).watch(wait)
    lines = stream.getvalue().splitlines()
    if done:
        assert lines == []
    else:
        assert [line.split("  ", 1)[1] for line in lines[:3]] == 3 * ["failed   a.faa: line 3: bad"]
        assert lines[3].startswith("1,201 of 1,204 files done: ")


def test_a_device_that_dies_is_told_to_the_quiet_too() -> None:
    run, stream = FakeRun(pictures.RUNNING), io.StringIO()
    run.happen(
        [
            DeviceEvent(0, 1.0, "cuda:1", DeviceState.DEAD, "killed by SIGKILL"),
            DeviceEvent(0, 1.0, "cuda:2", DeviceState.IDLE, "model loaded in 3 s"),
        ]
    )
    run.final = replace(pictures.SUMMARY, failed=())
    HeadlessReporter(run, stream, quiet=True).watch(lambda _: True)
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("device   cuda:1  dead: killed by SIGKILL")


class ClosedTerminal(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_went_away_does_not_end_the_watch() -> None:
    run = FakeRun(pictures.RUNNING)
    HeadlessReporter(run, ClosedTerminal()).watch(ending_after(run, looks=2))
    assert run.final is not None
