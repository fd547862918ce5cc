"""The events of a run as text, for the screen, plain lines, run log and report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from tui_balancer.formatting import plural
from tui_balancer.notices import Example, with_examples
from tui_balancer.scheduler.events import (
    AddedEvent,
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    RetryEvent,
    ReturnEvent,
    SettingEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
    UnitEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceState


class Label(str, Enum):
    """The first word of a line; the words are stable, because people search logs for them."""

    STEAL = "steal"
    SPLIT = "split"
    COPY = "copy"
    MOVE = "move"
    FAILED = "failed"
    RETURNED = "returned"
    SKIPPED = "skipped"
    RETRY = "retry"
    DEVICE = "device"
    SETTING = "setting"
    ADDED = "added"
    WARNING = "warning"


TRANSFERS: Final = (Label.STEAL, Label.SPLIT, Label.COPY, Label.MOVE)
"""A file, or some of its batches, went to another device."""


class Category(Enum):
    """The meaning of an event for a reader.

    Attributes:
        BALANCING: The program moved work to an idle device.
        BY_HAND: A person requested it.
        FAILURE: The run has lost a file or a device.
        SETBACK: Something to check; the run continues.
        NEWS: Good to know.
    """

    BALANCING = "balancing"
    BY_HAND = "by hand"
    FAILURE = "failure"
    SETBACK = "setback"
    NEWS = "news"


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as text.

    Attributes:
        label: The kind of event.
        category: Its meaning.
        devices: The device, or the giver and the receiver.
        name: The file; empty without one.
        reason: The reason, or the change.
        examples: The first records of a warning.
    """

    label: Label
    category: Category
    devices: tuple[str, ...] = ()
    name: str = ""
    reason: str = ""
    examples: tuple[Example, ...] = ()

    @property
    def route(self) -> str:
        """The devices, the giver first."""
        return " → ".join(self.devices)

    @property
    def text(self) -> str:
        """The full line: `steal    cuda:1 → cuda:0  a.faa: 41 s sooner`."""
        what = ": ".join(part for part in (self.name, self.reason) if part)
        parts = (self.route, with_examples(what, self.examples))
        return f"{self.label.value:<8} {'  '.join(part for part in parts if part)}"


def event_line(event: Event) -> EventLine | None:
    """Return the line of an event, or None for routine events."""
    # Nearly all are: without this, each would be compared with every class below.
    if isinstance(event, (LeaseEvent, DoneEvent)):
        return None
    match event:
        case StealEvent(source=source, target=target, reason=reason):
            return _of_unit(event, Label.STEAL, Category.BALANCING, reason, source, target)
        case SplitEvent(source=source, target=target, reason=reason, copy=True):
            return _of_unit(event, Label.COPY, Category.BALANCING, reason, source, target)
        case SplitEvent(source=source, target=target):
            reason = f"{event.batches:,} of {plural(event.of, 'batch', 'batches')}, {event.reason}"
            return _of_unit(event, Label.SPLIT, Category.BALANCING, reason, source, target)
        case MoveEvent(source=source, target=target):
            reason = event.reason or "by hand"
            return _of_unit(event, Label.MOVE, Category.BY_HAND, reason, source, target)
        case FailureEvent(by_hand=True) | SkipEvent():
            return _of_unit(event, Label.SKIPPED, Category.BY_HAND, event.reason, event.device)
        case FailureEvent():
            return _of_unit(event, Label.FAILED, Category.FAILURE, event.reason, event.device)
        case ReturnEvent():
            return _of_unit(event, Label.RETURNED, Category.SETBACK, event.reason, event.device)
        case UnbundleEvent():
            files = plural(len(event.files), "file")
            reason = (
                f"too many workers died with this bundle, so its {files} wait one by one "
                f"({event.reason})"
            )
            return _of_unit(event, Label.RETURNED, Category.SETBACK, reason, event.device)
        case RetryEvent():
            reason = "waits again, by hand"
            return _of_unit(event, Label.RETRY, Category.BY_HAND, reason, event.device)
        case DeviceEvent():
            category = _DEVICE_CATEGORIES.get(event.state, Category.NEWS)
            reason = f"{event.state.value}: {event.reason}" if event.reason else event.state.value
            return EventLine(Label.DEVICE, category, (event.device,), reason=reason)
        case AddedEvent():
            return EventLine(Label.ADDED, Category.BY_HAND, reason=event.text)
        case SettingEvent():
            category = Category.BY_HAND if event.by_hand else Category.NEWS
            return EventLine(Label.SETTING, category, reason=event.text)
        case WarningEvent(notice=notice):
            examples = notice.examples
            return EventLine(Label.WARNING, Category.SETBACK, reason=notice.text, examples=examples)
    return None


_DEVICE_CATEGORIES: Final = {
    DeviceState.DEAD: Category.FAILURE,
    DeviceState.PAUSED: Category.BY_HAND,
}


def _of_unit(
    event: UnitEvent, label: Label, category: Category, reason: str, *devices: str | None
) -> EventLine:
    return EventLine(label, category, tuple(filter(None, devices)), event.unit_name, reason)
