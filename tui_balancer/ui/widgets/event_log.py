"""The log of events, newest first."""

from __future__ import annotations

from typing import Final

from tui_balancer.formatting import clock_time, count, plural
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import cut, device_label, shorten
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.event_lines import EventRecord, LogRow
from tui_balancer.ui.styles import Line
from tui_balancer.view.event_lines import Category, Label

KINDS: Final[dict[str, frozenset[Category | Label]]] = {
    "all": frozenset(),
    "steals": frozenset({Category.BALANCING}),
    "by hand": frozenset({Category.BY_HAND}),
    "failures": frozenset({Category.FAILURE, Category.SETBACK, Label.WARNING}),
    "devices": frozenset({Label.DEVICE}),
}
"""Kinds of lines that can be shown alone."""


class EventLog(RowList[LogRow]):
    """Log lines: steals, moves, failures, dead devices and warnings.

    Args:
        record: The lines.
        id: Id of the widget.
    """

    EMPTY = "nothing yet"
    MARKS_WHEN_BLURRED = False

    def __init__(self, record: EventRecord, *, title: str, id: str) -> None:
        self._record = record
        self._heading_text = title
        self._started_at = 0.0
        self._now = 0.0
        self._words: tuple[str, ...] = ()
        self._kind = "all"
        self._shown: tuple[int, object] = (-1, None)
        columns = (
            Column("Time", 9, self._time_cell),
            Column[LogRow]("Event", 8, lambda row, _: [(row.line.label.value, row.tone)]),
            Column[LogRow]("Devices", 15, _route_cell, rank=1),
            Column("File and reason", 20, self._text_cell, flexible=True),
        )
        super().__init__(columns, heading=False, id=id)
        self.retitle(title)

    def row_key(self, row: LogRow) -> int:
        """Identify a line by its number."""
        return row.number

    def row_text(self, row: LogRow) -> str:
        """Return a full line with its time."""
        return f"{self.time_of(row)}  {row.line.text}"

    @property
    def kind(self) -> str:
        """Which of `KINDS` is shown."""
        return self._kind

    def show(self, started_at: float, now: float) -> None:
        """Show all recorded lines, newest on top.

        Args:
            started_at: Unix time in seconds at which the run started.
            now: Unix time of the picture on the screen.
        """
        new_day = clock_time(self._now, now, seconds=False) != clock_time(
            self._now, self._now, seconds=False
        )
        self._started_at, self._now = started_at, now
        shown = (self._record.arrived, (self._words, self._kind))
        if shown != self._shown:
            self._shown = shown
            self.set_rows(self._chosen(), follow_top=True)
            self._tell()
        elif new_day:
            self.repaint_changes()

    def filter(self, text: str) -> None:
        """Show only lines that contain all of these words."""
        self._words = tuple(text.lower().split())
        self.show(self._started_at, self._now)

    def next_kind(self) -> None:
        """Show only the next of `KINDS`."""
        kinds = list(KINDS)
        self._kind = kinds[(kinds.index(self._kind) + 1) % len(kinds)]
        self.show(self._started_at, self._now)

    def time_of(self, row: LogRow) -> str:
        """Return the local time of a line."""
        return clock_time(self._started_at + row.seconds, self._now)

    def _chosen(self) -> tuple[LogRow, ...]:
        rows = self._record.rows
        if kinds := KINDS[self._kind]:
            rows = tuple(row for row in rows if kinds & {row.line.category, row.line.label})
        if self._words:
            rows = tuple(
                row for row in rows if all(word in row.line.text.lower() for word in self._words)
            )
        return rows

    def _tell(self) -> None:
        parts = [plural(sum(self._record.steals.values()), "steal"), "newest first"]
        if self._kind != "all":
            parts[1] = f"{self._kind} only: {count(len(self.rows))}"
        if self._words:
            parts.append(f"with “{' '.join(self._words)}”: {count(len(self.rows))}")
        self.retitle(self._heading_text, *parts)

    def _time_cell(self, row: LogRow, _width: int) -> Line:
        return [(self.time_of(row), "dim")]

    def _text_cell(self, row: LogRow, width: int) -> Line:
        line = row.line
        if not line.name:
            return [(cut(line.reason, width), "plain")]
        name = shorten(line.name, max(16, min(40, width // 2)))
        return [(name, "strong"), (f" {line.reason}", "dim")]


def _route_cell(row: LogRow, width: int) -> Line:
    devices, route = row.line.devices, row.line.route
    room = width if len(devices) == 1 else (width - 3) // 2
    if len(route) > width:
        route = f" {glyphs.ARROW} ".join(device_label(device, room) for device in devices)
    return [(route, "plain")]
