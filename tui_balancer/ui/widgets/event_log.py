"""What happened to files and devices, newest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tui_balancer.balance.events import (
    DeviceEvent,
    Event,
    FailureEvent,
    MoveEvent,
    ReturnEvent,
    SettingEvent,
    StealEvent,
)
from tui_balancer.balance.model import DeviceState
from tui_balancer.formatting import NONE, plural
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import clock_time, cut, shorten
from tui_balancer.ui.tones import Line, Tone
from tui_balancer.ui.widgets.columns import Column
from tui_balancer.ui.widgets.row_list import RowList

KEPT_ROWS: Final = 5000
TITLE: Final = "Steals and events"

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
    """

    number: int
    seconds: float
    word: str
    tone: Tone
    route: str
    name: str
    reason: str


def log_row(event: Event, number: int) -> LogRow | None:
    """Return the line of an event, or None for the everyday ones: starts and ends of files."""
    seconds = event.seconds
    if isinstance(event, StealEvent):
        route = f"{event.source} {glyphs.ARROW} {event.target}"
        return LogRow(number, seconds, "steal", "accent", route, event.unit_name, event.reason)
    if isinstance(event, MoveEvent):
        route = f"{event.source} {glyphs.ARROW} {event.target}"
        return LogRow(number, seconds, "move", "good", route, event.unit_name, "by hand")
    if isinstance(event, FailureEvent):
        device = event.device or NONE
        return LogRow(number, seconds, "failed", "bad", device, event.unit_name, event.reason)
    if isinstance(event, ReturnEvent):
        name = event.unit_name
        return LogRow(number, seconds, "returned", "fair", event.device, name, event.reason)
    if isinstance(event, SettingEvent):
        return LogRow(number, seconds, "setting", "dim", "", "", event.text)
    if isinstance(event, DeviceEvent):
        word, tone = _DEVICE_WORDS.get(event.state, ("device", "dim"))
        return LogRow(number, seconds, word, tone, event.device, "", event.reason)
    return None


class EventLog(RowList[LogRow]):
    """Steals first of all; moves, failures, device deaths and warnings among them.

    The newest `KEPT_ROWS` lines are kept: the ledger has all of them.
    """

    EMPTY = "no steals yet"
    MARKS_WHEN_BLURRED = False

    def __init__(self) -> None:
        self._log: deque[LogRow] = deque(maxlen=KEPT_ROWS)
        self._arrived = 0
        self._steals = 0
        self._started_at = 0.0
        self._now = 0.0
        columns = (
            Column("Time", 9, self._time_cell),
            Column[LogRow]("Event", 8, lambda row, _: [(row.word, row.tone)]),
            Column[LogRow]("Devices", 15, lambda row, _: [(row.route, "plain")], rank=1),
            Column("File and reason", 20, self._text_cell, flexible=True),
        )
        super().__init__(columns, heading=False, id="log")
        self.retitle(TITLE)

    def row_key(self, row: LogRow) -> int:
        """A line is told by its number."""
        return row.number

    def add(self, events: Iterable[Event]) -> None:
        """Take in events, the newest last; `show` puts them on the screen."""
        for event in events:
            self._steals += isinstance(event, StealEvent)
            self._push(log_row(event, self._arrived + 1))

    def warn(self, lines: Iterable[str], seconds: float) -> None:
        """Take in warnings; they have no event, so the time is that of their first sight."""
        for line in lines:
            self._push(LogRow(self._arrived + 1, seconds, "warning", "fair", "", "", line))

    def show(self, started_at: float, now: float) -> None:
        """Show all that was taken in, newest on top.

        Args:
            started_at: Unix time in seconds at which the run began.
            now: Unix time of the picture on the screen.
        """
        self._started_at, self._now = started_at, now
        self.set_rows(tuple(self._log), follow_top=True)
        self.retitle(TITLE, f"{plural(self._steals, 'steal')}, newest first")

    def _push(self, row: LogRow | None) -> None:
        if row is not None:
            self._arrived += 1
            self._log.appendleft(row)

    def time_of(self, row: LogRow) -> str:
        """Return the local time of a line."""
        return clock_time(self._started_at + row.seconds, self._now)

    def _time_cell(self, row: LogRow, _width: int) -> Line:
        return [(self.time_of(row), "dim")]

    def _text_cell(self, row: LogRow, width: int) -> Line:
        if not row.name:
            return [(cut(row.reason, width), "plain")]
        name = shorten(row.name, max(16, min(40, width // 2)))
        return [(name, "strong"), (f"  {row.reason}", "dim")]
