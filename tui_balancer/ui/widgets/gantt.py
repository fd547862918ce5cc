"""Gantt chart of the devices: files, gaps, model loading, pauses, steals."""

from __future__ import annotations

from math import ceil, floor
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui_balancer.formatting import duration
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import device_label, device_width
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import CURSOR_WIDTH, RowList
from tui_balancer.ui.state.timeline import Cell, TimelineRecord
from tui_balancer.ui.styles import Line, Span
from tui_balancer.ui.widgets.tracks import STEPS, TrackLines, Window, fitting_step, time_labels


class Gantt(RowList[str]):
    """The tracks of a timeline, with a cursor in time.

    Attributes:
        following: Whether the window ends at the current time.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Back", show=False),
        Binding("right,l", "step(1)", "On", show=False),
    ]
    EMPTY = "no devices yet"

    class Looked(Message):
        """The cursor has moved to another stretch of time."""

    def __init__(self, record: TimelineRecord) -> None:
        self._record = record
        self._now = 0.0
        self._step: float | None = None
        self._first = 0
        self._time = 0
        self._width = 1
        self.following = True
        self._lines = TrackLines(record)
        self._device_width = device_width(())
        super().__init__(self._named_tracks(), id="gantt")

    def show(self, devices: tuple[str, ...], now: float) -> None:
        """Show the devices' history up to now, in seconds since the run started."""
        self._now = now
        if devices != self.rows:
            self._device_width = device_width(devices)
            self.set_columns(self._named_tracks())
            self._measure()
            self.set_rows(devices)
        self._settle()

    @property
    def window(self) -> Window:
        """The window of time that is shown."""
        step = self._step or fitting_step(self._now, self._width)
        if self.following or self._step is None:
            self._first = max(0, ceil(self._now / step) - self._width)
        return Window(step, self._first, self._width)

    @property
    def left(self) -> int:
        """Cells before the tracks."""
        return CURSOR_WIDTH + self._device_width + self._gap

    @property
    def moment(self) -> tuple[float, float]:
        """Start and end of the stretch under the cursor, in seconds since the run started."""
        window = self.window
        return self._time * window.step, (self._time + 1) * window.step

    def cell_here(self) -> Cell | None:
        """Return the cell under the cursor; None outside the tracks."""
        track = self._record.tracks.get(self.cursor_row or "")
        start, end = self.moment
        if track is None or start >= self._now:
            return None
        return track.cell(start, min(end, self._now), self._now)

    def zoom(self, factor: float) -> None:
        """Zoom in or out by a step, around the cursor."""
        before = self.window
        place = STEPS.index(before.step) + (1 if factor > 1 else -1)
        if not 0 <= place < len(STEPS):
            return
        middle = self._time * before.step
        at = (self._time - before.first) / max(1, self._width)
        self._step = STEPS[place]
        self._time = floor(middle / self._step)
        self._first = max(0, self._time - round(at * self._width))
        self._look()

    def fit(self) -> None:
        """Show the whole run."""
        moment = self.moment[0]
        self._step, self.following = None, True
        self._time = floor(moment / self.window.step)
        self._look()

    def follow(self) -> None:
        """Follow the current time, or stop following."""
        self.following = not self.following
        if not self.following:
            self._step = self.window.step
        self._look()

    def pan(self, share: float) -> None:
        """Move back or forward by a share of the window."""
        self._hold()
        cells = round(share * self._width)
        self._first = max(0, min(self._first + cells, self._last_cell))
        self._time = max(0, min(self._time + cells, self._last_cell))
        self._look()

    def action_step(self, cells: int) -> None:
        """Move the cursor in time, and the window with it."""
        self._hold()
        self._time = max(0, min(self._time + cells, self._last_cell))
        if not self._first <= self._time < self._first + self._width:
            self._first = max(0, self._time - self._width // 2)
        self._look()

    def on_resize(self) -> None:
        """Fill the new width."""
        self._look()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the mouse, also in time."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.x >= self.left:
            self._hold()
            self._time = min(self.window.first + offset.x - self.left, self._last_cell)
            self._look()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in with ctrl and the wheel."""
        if event.ctrl:
            event.stop()
            self.zoom(0.5)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out with ctrl and the wheel."""
        if event.ctrl:
            event.stop()
            self.zoom(2)

    def _named_tracks(self) -> tuple[Column[str], ...]:
        """Return the columns; that of the devices is as wide as their names."""

        def name_cell(device: str, width: int) -> Line:
            return [(device_label(device, width), "strong")]

        return (
            Column("Device", self._device_width, name_cell),
            Column("", 20, self._track_cell, flexible=True),
        )

    def _measure(self) -> None:
        """Store the width in cells, which every picture needs many times."""
        width = self.row_width(self.scrollable_content_region.width)
        self._width = max(1, width - self.left)

    @property
    def _last_cell(self) -> int:
        # Rounded: 5.7 seconds are 57 tenths.
        return max(0, ceil(self._now / self.window.step - 1e-9) - 1)

    def _hold(self) -> None:
        window = self.window
        self._step, self._first, self.following = window.step, window.first, False

    def _settle(self) -> None:
        self._measure()
        if self.following:
            self._time = self._last_cell
        window = self.window
        parts = [f"{_seconds(window.step)} per column"]
        parts.append("following" if self.following else f"at {duration(self.moment[0])}")
        self.retitle("Timeline", *parts)
        self.repaint_changes()

    def _look(self) -> None:
        self._settle()
        self.post_message(self.Looked())

    def title_of(self, column: Column[str]) -> Line:
        """Draw the times above the tracks."""
        if not column.flexible:
            return [(column.title, "plain")]
        return [(time_labels(self.window), "plain")]

    def _track_cell(self, device: str, _width: int) -> Line:
        window = self.window
        line = self._lines.line(device, window, self._now)
        if device == self.cursor_row and 0 <= self._time - window.first < window.width:
            # A full block would hide the background.
            line = _replaced(line, self._time - window.first, (glyphs.MARK, "chosen"))
        return line


def _replaced(line: Line, place: int, span: Span) -> Line:
    """Return a line with one character replaced."""
    replaced: Line = []
    for text, tone in line:
        if 0 <= place < len(text):
            replaced += [(text[:place], tone), span, (text[place + 1 :], tone)]
        else:
            replaced.append((text, tone))
        place -= len(text)
    return replaced


def _seconds(step: float) -> str:
    return f"{step:g} s" if step < 60 else duration(step).removesuffix(" 00s").removesuffix(" 00m")
