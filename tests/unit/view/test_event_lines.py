"""The words of events: every kind has an entry, and every reader has the same words."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.support import pictures
from tests.support.fake_run import FakeRun
from tests.support.told_events import TOLD
from tests.support.told_run import told_run
from tui_balancer.cli.headless import HeadlessReporter
from tui_balancer.history.history import read_history
from tui_balancer.history.page.html import page
from tui_balancer.history.run_report import account_of
from tui_balancer.scheduler.events import (
    Event,
    MoveEvent,
    RunEvent,
    SplitEvent,
    StealEvent,
)
from tui_balancer.ui.state.event_lines import EventRecord
from tui_balancer.view.event_lines import Category, Label, event_line


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
