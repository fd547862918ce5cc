"""The words of events: every kind has an entry, and every reader has the same words."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import pytest

from tests.support import pictures
from tests.support.fake_run import FakeRun
from tests.support.told_run import told_run
from tui_balancer.cli.headless import HeadlessReporter
from tui_balancer.history.history import read_history
from tui_balancer.history.page.html import page
from tui_balancer.history.run_report import account_of
from tui_balancer.notices import Example, Notice
from tui_balancer.scheduler.events import (
    AssignmentEvent,
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    PartEvent,
    RetryEvent,
    ReturnCause,
    ReturnEvent,
    RunEvent,
    SettingEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.ui.state.event_lines import EventRecord
from tui_balancer.view.event_lines import Category, Label, event_line

UNIT: Final = (4, "a.faa")
ROUTE: Final = ("cuda:1", "cuda:0")
EMPTY_ONES: Final = (Example("a.faa", 3, "P1"), Example("a.faa", 9, "P2"))

TOLD: Final[dict[Event, str]] = {
    StealEvent(1, 0.0, *UNIT, 9, *ROUTE, "41 s sooner", 90.0, 49.0): (
        "steal    cuda:1 → cuda:0  a.faa: 41 s sooner"
    ),
    SplitEvent(2, 0.0, *UNIT, *ROUTE, 3, 9, "5 s sooner"): (
        "split    cuda:1 → cuda:0  a.faa: 3 of 9 batches, 5 s sooner"
    ),
    SplitEvent(3, 0.0, *UNIT, *ROUTE, 9, 9, "5 s sooner", copy=True): (
        "copy     cuda:1 → cuda:0  a.faa: 5 s sooner"
    ),
    MoveEvent(4, 0.0, *UNIT, *ROUTE): "move     cuda:1 → cuda:0  a.faa: by hand",
    FailureEvent(5, 0.0, *UNIT, None, "line 3: bad"): "failed   a.faa: line 3: bad",
    FailureEvent(6, 0.0, *UNIT, "cuda:1", "too large"): "failed   cuda:1  a.faa: too large",
    FailureEvent(7, 0.0, *UNIT, None, "skipped by hand", by_hand=True): (
        "skipped  a.faa: skipped by hand"
    ),
    SkipEvent(8, 0.0, *UNIT, "cuda:1", "skipped by hand"): (
        "skipped  cuda:1  a.faa: skipped by hand"
    ),
    RetryEvent(9, 0.0, *UNIT, "cuda:1"): "retry    cuda:1  a.faa: waits again, by hand",
    ReturnEvent(10, 0.0, *UNIT, "cuda:1", 1, ReturnCause.WORKER_DIED, "killed by SIGKILL"): (
        "returned cuda:1  a.faa: killed by SIGKILL"
    ),
    UnbundleEvent(11, 0.0, *UNIT, "cuda:1", 1, tuple(range(12)), "killed by SIGKILL"): (
        "returned cuda:1  a.faa: too many workers died with this bundle, "
        "so its 12 files wait one by one (killed by SIGKILL)"
    ),
    DeviceEvent(12, 0.0, "cuda:1", DeviceState.DEAD, "killed by SIGKILL"): (
        "device   cuda:1  dead: killed by SIGKILL"
    ),
    DeviceEvent(13, 0.0, "cuda:1", DeviceState.IDLE, "model loaded"): (
        "device   cuda:1  idle: model loaded"
    ),
    SettingEvent(14, 0.0, "time: gain ≥ 2 s"): "setting  time: gain ≥ 2 s",
    WarningEvent(15, 0.0, Notice("unknown card")): "warning  unknown card",
    WarningEvent(16, 0.0, Notice("empty: 2 in 1 file", examples=EMPTY_ONES)): (
        "warning  empty: 2 in 1 file (a.faa line 3: P1; a.faa line 9: P2)"
    ),
    AssignmentEvent(20, 0.0, (("cuda:1", b"\4\0\0\0"),)): "",
    LeaseEvent(17, 0.0, *UNIT, "cuda:1", 1): "",
    PartEvent(18, 0.0, *UNIT, "cuda:1", 1, 3, 300, 1e9, 0.5): "",
    DoneEvent(19, 0.0, *UNIT, "cuda:1", 1, 2.0): "",
}
"""One event of every kind, and of each way to put it, with its line."""


def test_there_is_a_line_of_every_kind_of_event_and_of_every_label() -> None:
    assert {type(event) for event in TOLD} == set(get_args(RunEvent))
    assert {words.split()[0] for words in TOLD.values() if words} == {one.value for one in Label}


@pytest.mark.parametrize(("event", "words"), TOLD.items())
def test_what_happens_is_a_line_and_the_everyday_is_none(event: Event, words: str) -> None:
    line = event_line(event)
    assert (line.text if line else "") == words


def test_the_plain_lines_and_the_log_on_the_screen_have_the_same_words() -> None:
    run, stream = FakeRun(pictures.RUNNING), io.StringIO()
    reporter = HeadlessReporter(run, stream, from_now=True)
    run.happen(TOLD)
    run.final = replace(pictures.SUMMARY, failed=())
    reporter.watch(lambda _seconds: True)
    words = [one for one in TOLD.values() if one]
    plain = [line.split("  ", 1)[1] for line in stream.getvalue().splitlines()[: len(words)]]
    assert plain == words
    record = EventRecord()
    for event in TOLD:
        record.add(event)
    examples = [row for row in record.rows if row.line.name and row.line.label is Label.WARNING]
    assert [row.line.reason for row in examples] == ["line 3: P1", "line 9: P2"]
    assert [row.line.text for row in reversed(record.rows) if row not in examples] == words


def test_the_report_has_the_words_of_what_changes_hands(tmp_path: Path) -> None:
    history = read_history(told_run(tmp_path))
    passed = [one for one in TOLD if isinstance(one, StealEvent | SplitEvent | MoveEvent)]
    report = account_of(replace(history, events=(*history.events, *passed)))
    told = [
        f"{one.kind:<8} {one.source} → {one.target}  {one.name}: {one.reason}"
        for one in report.transfers[-len(passed) :]
    ]
    assert told == [TOLD[one] for one in passed]
    assert "<td>3 of 9 batches, 5 s sooner</td>" in page(report)


def test_what_fails_is_told_apart_from_what_a_person_asked_for() -> None:
    def category(event: Event) -> Category | None:
        line = event_line(event)
        return None if line is None else line.category

    failures = {TOLD[event] for event in TOLD if category(event) is Category.FAILURE}
    assert failures == {
        "failed   a.faa: line 3: bad",
        "failed   cuda:1  a.faa: too large",
        "device   cuda:1  dead: killed by SIGKILL",
    }
