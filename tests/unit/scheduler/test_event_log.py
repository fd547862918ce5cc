"""What the log of events keeps: the newest, and what a person still has to look at."""

from __future__ import annotations

from tui_balancer.notices import Notice
from tui_balancer.scheduler.event_log import KEPT_EVENTS, EventLog
from tui_balancer.scheduler.events import FailureEvent, SettingEvent, WarningEvent


def test_failures_and_warnings_are_kept_for_good_and_the_everyday_while_there_is_room() -> None:
    log = EventLog(lambda: 0.0, None)
    log.add(SettingEvent, "first")
    failures = [log.add(FailureEvent, number, f"f{number}", None, "why") for number in range(3)]
    warning = log.add(WarningEvent, Notice("look"))
    for number in range(KEPT_EVENTS):
        log.add(SettingEvent, str(number))
    kept = log.after(0)
    assert kept[:4] == (*failures, warning)
    assert [event.sequence for event in kept[4:]] == list(range(6, 6 + KEPT_EVENTS))
    assert log.after(failures[0].sequence) == kept[1:]
    assert log.after(log.last - 1) == kept[-1:]
