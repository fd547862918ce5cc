"""The events of a run as lines that a person reads, newest first, and the steals in numbers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tui_balancer.formatting import NONE
from tui_balancer.notices import Example, place
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
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.ui import glyphs
from tui_balancer.ui.styles import Tone

KEPT_ROWS: Final = 5000

_DEVICE_WORDS: Final[dict[DeviceState, tuple[str, Tone]]] = {
    DeviceState.DEAD: ("dead", "bad"),
    DeviceState.PAUSED: ("paused", "fair"),
}


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the log.

    Attributes:
        number: Place in the order of arrival.
        seconds: Since the run began.
        word: What kind of thing happened.
        tone: Its colour.
        route: Devices concerned.
        name: File concerned; empty where none is.
        reason: Why, or what.
        event: The event.
    """

    number: int
    seconds: float
    word: str
    tone: Tone
    route: str
    name: str
    reason: str
    event: Event

    @property
    def text(self) -> str:
        """All its words in one line."""
        return "  ".join(part for part in (self.word, self.route, self.name, self.reason) if part)


def log_row(event: Event, number: int) -> LogRow | None:
    """Return the line of an event, or None for the everyday ones: starts and ends of files."""
    word: str
    tone: Tone
    if isinstance(event, StealEvent | MoveEvent):
        route = f"{event.source} {glyphs.ARROW} {event.target}"
        word, tone = ("steal", "accent") if isinstance(event, StealEvent) else ("move", "good")
        what = (route, event.unit_name, event.reason or "by hand")
    elif isinstance(event, SplitEvent):
        word, tone = "copy" if event.copy else "split", "accent"
        route = f"{event.source} {glyphs.ARROW} {event.target}"
        what = (route, event.unit_name, event.reason)
    elif isinstance(event, FailureEvent):
        word, tone, what = "failed", "bad", (event.device or NONE, event.unit_name, event.reason)
    elif isinstance(event, ReturnEvent | UnbundleEvent):
        word, tone, what = "returned", "fair", (event.device, event.unit_name, event.reason)
    elif isinstance(event, SkipEvent):
        word, tone, what = "skipped", "fair", (event.device, event.unit_name, event.reason)
    elif isinstance(event, RetryEvent):
        word, tone, what = "retry", "good", (event.device, event.unit_name, "waits again, by hand")
    elif isinstance(event, SettingEvent):
        word, tone, what = "setting", "dim", ("", "", event.text)
    elif isinstance(event, WarningEvent):
        word, tone, what = "warning", "fair", ("", "", event.notice.text)
    elif isinstance(event, DeviceEvent):
        word, tone = _DEVICE_WORDS.get(event.state, ("device", "dim"))
        what = (event.device, "", event.reason)
    else:
        return None
    return LogRow(number, event.seconds, word, tone, *what, event)


def _example_row(one: Example, event: WarningEvent, number: int) -> LogRow:
    """Return the line of an example of a warning."""
    return LogRow(number, event.seconds, "warning", "dim", "", one.file, place(one), event)


class EventRecord:
    """The newest `KEPT_ROWS` lines; the ledger has all of them.

    Attributes:
        arrived: Lines that ever came: grows with every change.
        steals: Files stolen, by the pair (from, to).
    """

    def __init__(self) -> None:
        self._rows: deque[LogRow] = deque(maxlen=KEPT_ROWS)
        self.arrived = 0
        self.steals: Counter[tuple[str, str]] = Counter()

    @property
    def rows(self) -> tuple[LogRow, ...]:
        """The lines, newest first."""
        return tuple(self._rows)

    def add(self, events: Iterable[Event]) -> None:
        """Take in events, the newest last."""
        for event in events:
            if isinstance(event, StealEvent):
                self.steals[event.source, event.target] += 1
            if isinstance(event, WarningEvent):
                # The newest line is on top: the warning comes last to stand above its examples.
                for one in reversed(event.notice.examples):
                    self._push(_example_row(one, event, self.arrived + 1))
            row = log_row(event, self.arrived + 1)
            if row is not None:
                self._push(row)

    def forget(self) -> None:
        """Have no lines again."""
        self._rows.clear()
        self.steals.clear()
        self.arrived += 1

    def _push(self, row: LogRow) -> None:
        self.arrived += 1
        self._rows.appendleft(row)
