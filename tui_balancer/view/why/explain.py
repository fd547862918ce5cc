"""Explains a device, a file, an event, a typed name, or everything that stands out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Final

from tui_balancer.notices import with_examples
from tui_balancer.scheduler.events import (
    DeviceEvent,
    Event,
    FailureEvent,
    MoveEvent,
    RetryEvent,
    ReturnEvent,
    SettingEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
)
from tui_balancer.view.event_lines import EventLine, event_line
from tui_balancer.view.names import find_files
from tui_balancer.view.why.arrivals import arrived, shared
from tui_balancer.view.why.devices import explain_device, simply_works
from tui_balancer.view.why.facts import Explanation, Facts, Kind
from tui_balancer.view.why.files import explain_file
from tui_balancer.view.why.words import paragraph

Question = Callable[[Facts], Explanation]
"""The subject of a question."""

FAILED_FILES: Final = 3
"""Failed files that are explained unasked; the tab of problems and the report have all."""


def explain_event(facts: Facts, event: Event) -> Explanation:
    """Explain an event of the log, and the current state of its device or file."""
    line = event_line(event)
    assert line is not None, "everyday events are in no log"
    told, now = _happened(facts, event, line), ""
    facts = replace(facts, told=event)
    number = getattr(event, "unit_id", None)
    if isinstance(event, DeviceEvent):
        now = explain_device(facts, event.device).text
        metrics = facts.device(event.device)
        if metrics is not None and metrics.state is event.state:
            told = ""
    # A bundle has the number of its first file, but is not that file.
    elif number is not None and number < len(facts.units) and facts.units[number].name == line.name:
        now = explain_file(facts, number).text
        if facts.record.ends.get(number) == event:
            told = ""
    return Explanation(line.label.value, Kind.EVENT, "", paragraph((told, now)))


def _happened(facts: Facts, event: Event, line: EventLine) -> str:
    when = facts.time(event.seconds)
    if isinstance(event, StealEvent | MoveEvent | RetryEvent | ReturnEvent | UnbundleEvent):
        return arrived(facts, event, event.unit_name)
    if isinstance(event, SplitEvent):
        return shared(facts, event, event.unit_name)
    if isinstance(event, FailureEvent | SkipEvent):
        verb = "was skipped" if event.by_hand else "failed"
        return f"{event.unit_name} {verb} at {when}: {event.reason}"
    if isinstance(event, DeviceEvent):
        why = f": {event.reason}" if event.reason else ""
        return f"{event.device} was {event.state.value} at {when}{why}"
    changed = ""
    if isinstance(event, SettingEvent):
        changed = f"{'Changed by hand' if event.by_hand else 'Decided'} at {when}: "
    return f"{changed}{with_examples(line.reason, line.examples)}"


def explain_name(facts: Facts, name: str) -> Explanation:
    """Explain a device or a file by its name, or by the unique end of its path.

    Raises:
        UnknownName: There is none, or several paths have this end.
    """
    if facts.device(name) is not None:
        return explain_device(facts, name)
    devices = (one.device for one in facts.snapshot.devices)
    (number,) = find_files(facts.units, (name,), devices)
    return explain_file(facts, number)


def explain_all(facts: Facts) -> tuple[Explanation, ...]:
    """Explain devices that do not simply work, the first failed files, and the last to end."""
    devices = (
        explain_device(facts, one.device)
        for one in facts.snapshot.devices
        if not simply_works(facts, one)
    )
    failed = [explain_file(facts, number) for number in islice(facts.failed(), FAILED_FILES)]
    last = facts.last_to_end()
    return (*devices, *failed, *(() if last is None else (explain_file(facts, last),)))
