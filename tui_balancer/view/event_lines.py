"""The events of a run in words: screen, plain lines, run log and report share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from tui_balancer.formatting import plural
from tui_balancer.notices import Example, with_examples
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
    ReturnEvent,
    SettingEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceState


class Label(str, Enum):
    """The first word of a line; the words are stable, logs are searched for them."""

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
    WARNING = "warning"


TRANSFERS: Final = (Label.STEAL, Label.SPLIT, Label.COPY, Label.MOVE)
"""A file, or some of its batches, changed hands."""


class Category(Enum):
    """What an event means to the person who reads of it.

    Attributes:
        BALANCING: The program moved work to an idle device.
        BY_HAND: A person asked for it.
        FAILURE: A file or a device is lost to the run.
        SETBACK: Something to look at; the run works on.
        NEWS: Good to know.
    """

    BALANCING = "balancing"
    BY_HAND = "by hand"
    FAILURE = "failure"
    SETBACK = "setback"
    NEWS = "news"


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event in words.

    Attributes:
        label: What kind of thing happened.
        category: What it means.
        devices: The device concerned, or the one that gives and the one that takes.
        name: The file concerned; empty where none is.
        reason: Why, or what.
        examples: Of a warning, the first records it is about.
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
        """All of it: `steal    cuda:1 → cuda:0  a.faa: 41 s sooner`."""
        what = ": ".join(part for part in (self.name, self.reason) if part)
        parts = (self.route, with_examples(what, self.examples))
        return f"{self.label.value:<8} {'  '.join(part for part in parts if part)}"


def event_line(event: Event) -> EventLine | None:
    """Return an event in words, or None for the everyday ones."""
    return _LINES[type(event)](event)


def _steal(event: StealEvent) -> EventLine:
    route = (event.source, event.target)
    return EventLine(Label.STEAL, Category.BALANCING, route, event.unit_name, event.reason)


def _split(event: SplitEvent) -> EventLine:
    route = (event.source, event.target)
    if event.copy:
        return EventLine(Label.COPY, Category.BALANCING, route, event.unit_name, event.reason)
    reason = f"{event.batches:,} of {plural(event.of, 'batch', 'batches')}, {event.reason}"
    return EventLine(Label.SPLIT, Category.BALANCING, route, event.unit_name, reason)


def _move(event: MoveEvent) -> EventLine:
    route = (event.source, event.target)
    return EventLine(
        Label.MOVE, Category.BY_HAND, route, event.unit_name, event.reason or "by hand"
    )


def _failure(event: FailureEvent) -> EventLine:
    devices = () if event.device is None else (event.device,)
    if event.by_hand:
        return EventLine(Label.SKIPPED, Category.BY_HAND, devices, event.unit_name, event.reason)
    return EventLine(Label.FAILED, Category.FAILURE, devices, event.unit_name, event.reason)


def _return(event: ReturnEvent) -> EventLine:
    return EventLine(
        Label.RETURNED, Category.SETBACK, (event.device,), event.unit_name, event.reason
    )


def _unbundle(event: UnbundleEvent) -> EventLine:
    reason = (
        f"too many workers died with this bundle, so its {plural(len(event.files), 'file')} "
        f"wait one by one ({event.reason})"
    )
    return EventLine(Label.RETURNED, Category.SETBACK, (event.device,), event.unit_name, reason)


def _skip(event: SkipEvent) -> EventLine:
    return EventLine(
        Label.SKIPPED, Category.BY_HAND, (event.device,), event.unit_name, event.reason
    )


def _retry(event: RetryEvent) -> EventLine:
    return EventLine(
        Label.RETRY, Category.BY_HAND, (event.device,), event.unit_name, "waits again, by hand"
    )


def _device(event: DeviceEvent) -> EventLine:
    category = _DEVICE_CATEGORIES.get(event.state, Category.NEWS)
    reason = f"{event.state.value}: {event.reason}" if event.reason else event.state.value
    return EventLine(Label.DEVICE, category, (event.device,), reason=reason)


def _setting(event: SettingEvent) -> EventLine:
    return EventLine(Label.SETTING, Category.BY_HAND, reason=event.text)


def _warning(event: WarningEvent) -> EventLine:
    notice = event.notice
    return EventLine(Label.WARNING, Category.SETBACK, reason=notice.text, examples=notice.examples)


def _everyday(_event: Event) -> None:
    return None


_DEVICE_CATEGORIES: Final = {
    DeviceState.DEAD: Category.FAILURE,
    DeviceState.PAUSED: Category.BY_HAND,
}

_LINES: Final[dict[type[Event], Callable[[Any], EventLine | None]]] = {
    StealEvent: _steal,
    SplitEvent: _split,
    MoveEvent: _move,
    FailureEvent: _failure,
    ReturnEvent: _return,
    UnbundleEvent: _unbundle,
    SkipEvent: _skip,
    RetryEvent: _retry,
    DeviceEvent: _device,
    SettingEvent: _setting,
    WarningEvent: _warning,
    AssignmentEvent: _everyday,
    LeaseEvent: _everyday,
    PartEvent: _everyday,
    DoneEvent: _everyday,
}
