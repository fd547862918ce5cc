"""When a person is told what: each cause once, never too often, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from operator import itemgetter

from hypothesis import given
from hypothesis import strategies as st

from tests.support.pictures import RUNNING, SUMMARY
from tui_balancer.failures import FailureCause
from tui_balancer.monitoring.alerts import (
    CALM_SECONDS,
    PAUSE_SECONDS,
    Alert,
    AlertBook,
    AlertKind,
    notification,
)
from tui_balancer.scheduler.events import DeviceEvent, Event, FailureEvent, SkipEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.status import status_of


def failure(cause: FailureCause, name: str = "a.faa") -> FailureEvent:
    return FailureEvent(1, 1.0, 0, name, "cuda:0", "it is broken", cause=cause)


def death(device: str) -> DeviceEvent:
    return DeviceEvent(1, 1.0, device, DeviceState.DEAD, "4 workers died")


EVENTS = st.sampled_from(
    (
        *map(failure, (FailureCause.EMPTY, FailureCause.DAMAGED, FailureCause.OUT_OF_MEMORY)),
        *map(death, ("cuda:0", "cuda:1")),
        DeviceEvent(1, 1.0, "cuda:0", DeviceState.IDLE, "model loaded"),
        SkipEvent(1, 1.0, 0, "a.faa", "cuda:0", "by hand"),
        FailureEvent(1, 1.0, 0, "a.faa", None, "by hand", by_hand=True),
    )
)


def cause_of(event: Event) -> tuple[AlertKind, str] | None:
    if isinstance(event, FailureEvent) and not event.by_hand:
        return AlertKind.FAILED, event.cause.value
    if isinstance(event, DeviceEvent) and event.state is DeviceState.DEAD:
        return AlertKind.DEVICE_DIED, event.device
    return None


@given(st.lists(st.tuples(st.floats(0, 100), st.lists(EVENTS, max_size=4)), max_size=12))
def test_each_cause_is_told_once_in_time_and_none_is_lost(
    steps: list[tuple[float, list[Event]]],
) -> None:
    book, now, sent = AlertBook(), 0.0, list[tuple[float, tuple[Alert, ...]]]()
    for seconds, events in steps:
        now += seconds
        book.note_events(events)
        if alerts := book.due(now):
            sent.append((now, alerts))
    last = book.ended(SUMMARY)
    times = [moment for moment, _ in sent]
    assert all(later - earlier >= PAUSE_SECONDS for earlier, later in pairwise(times))
    told = [(one.kind, one.cause) for alerts in (*map(itemgetter(1), sent), last) for one in alerts]
    happened = {cause for _, events in steps for event in events if (cause := cause_of(event))}
    assert len(told) == len(set(told))
    assert set(told) == happened | {(AlertKind.ENDED, "")}


def test_files_that_fail_alike_are_counted_until_they_are_told() -> None:
    book = AlertBook()
    book.note_events([failure(FailureCause.EMPTY, "a.faa")])
    assert [one.count for one in book.due(0.0)] == [1]
    book.note_events([failure(FailureCause.DAMAGED, name) for name in ("b.faa", "c.faa")])
    book.note_events([failure(FailureCause.EMPTY, "d.faa")])
    assert book.due(PAUSE_SECONDS - 1) == ()
    (alert,) = book.due(PAUSE_SECONDS)
    assert alert == Alert(AlertKind.FAILED, "damaged", 2, "b.faa: it is broken")


def test_a_hold_is_told_once_and_a_later_one_again() -> None:
    book = AlertBook()
    book.note_held("no space", 0.0)
    book.note_held("no space", 1.0)
    assert [one.text for one in book.due(1.0)] == ["held: no space"]
    book.note_held("", 100.0)
    book.note_held("no space, again", 101.0)
    assert book.due(200.0) == ()
    book.note_held("", 300.0)
    book.note_held("no space at all", 300.0 + CALM_SECONDS)
    assert [one.text for one in book.due(1000.0)] == ["held: no space at all"]


def test_a_notification_is_one_line_with_the_state_of_the_run() -> None:
    alerts = (
        Alert(AlertKind.FAILED, "empty", 3, "a.faa: the file is empty"),
        Alert(AlertKind.FAILED, "damaged", 1, "b.faa: it is cut short"),
        Alert(AlertKind.DEVICE_DIED, "cuda:1", 1, "cuda:1 is dead: 4 workers died"),
    )
    sent = notification(alerts, status_of(RUNNING), None)
    assert sent.text == (
        "3 files failed, the first is a.faa: the file is empty; failed: b.faa: it is cut short; "
        "cuda:1 is dead: 4 workers died"
    )
    assert (sent.exit_code, sent.status) == (None, status_of(RUNNING))


def test_the_end_has_the_exit_code_and_says_why_it_came_early() -> None:
    early = replace(SUMMARY, failed=(), stop_reason="every device is dead", waiting=3)
    (alert,) = AlertBook().ended(early)
    assert alert.text.startswith("ended: 1,201 of 1,204 files done")
    assert alert.text.endswith(": every device is dead")
    assert notification((alert,), status_of(RUNNING), early).exit_code == 1
