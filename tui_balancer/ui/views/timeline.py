"""The fourth tab: what each device did when."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from tui_balancer.formatting import duration, percent, plural
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.file_dialog import file_dialog
from tui_balancer.ui.formatting import clock_time
from tui_balancer.ui.keymap import TIMELINE, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.story.story import Story
from tui_balancer.ui.tones import Line, join
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.gantt import LEGEND, Gantt
from tui_balancer.ui.widgets.line_text import LineText
from tui_balancer.ui.widgets.row_list import RowList


class TimelineView(View):
    """The tracks, what the cursor stands on, and what the signs mean."""

    NAME = "timeline"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*TIMELINE)

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        self.gantt = Gantt(story.timeline)
        self.detail = LineText(id="moment")
        self.legend = LineText(id="legend")

    def compose(self) -> ComposeResult:
        """Tracks above, words below."""
        yield self.gantt
        yield self.detail
        yield self.legend

    def on_mount(self) -> None:
        """Explain the signs."""
        self.legend.line = LEGEND

    @property
    def home(self) -> Widget:
        """The tracks."""
        return self.gantt

    @property
    def device(self) -> str | None:
        """The device of the track under the cursor."""
        return self.gantt.cursor_row

    def show(self, picture: Picture) -> None:
        """Draw a picture."""
        devices = tuple(one.device for one in picture.snapshot.devices)
        self.gantt.show(devices, picture.snapshot.elapsed_seconds)
        # At once, so that both are painted in one go.
        self._tell()

    @on(Gantt.Looked)
    @on(RowList.CursorMoved, "#gantt")
    def _tell(self) -> None:
        self.detail.line = self._moment()

    def _moment(self) -> Line:
        cell, snapshot = self.gantt.cell_here(), self.story.snapshot
        if cell is None or snapshot is None:
            return []
        start, _ = self.gantt.moment
        now = snapshot.started_at + snapshot.elapsed_seconds
        parts: list[Line] = [
            [(self.gantt.cursor_row or "", "strong")],
            [(f"{clock_time(snapshot.started_at + start, now)}", "plain")],
        ]
        if cell.span is None:
            parts.append([(cell.activity.value, "plain")])
        elif cell.files == 1:
            span = cell.span
            took = f"{duration(span.start)} {glyphs.ARROW} {duration(span.end)}"
            parts += [
                [(span.name, "strong")],
                [(f"{span.word} after {span.end - span.start:.1f}s, {took}", "plain")],
            ]
        else:
            parts.append([(f"{plural(cell.files, 'file')}, the last {cell.span.name}", "plain")])
        if cell.files:
            parts.append([(f"{percent(cell.share)} busy", "dim")])
        if cell.steals:
            parts.append([(f"{glyphs.STOLEN} {plural(cell.steals, 'file')} stolen", "accent")])
        return join(parts, f"  {glyphs.DOT}  ")

    def action_zoom(self, factor: float) -> None:
        """Show more or less time."""
        self.gantt.zoom(factor)

    def action_fit(self) -> None:
        """Show the whole run."""
        self.gantt.fit()

    def action_follow(self) -> None:
        """Follow the present, or stay."""
        self.gantt.follow()

    def action_pan(self, share: float) -> None:
        """Go back or on."""
        self.gantt.pan(share)

    def action_details(self) -> None:
        """Show all about the file at the cursor."""
        cell = self.gantt.cell_here()
        if cell is None or cell.span is None:
            self.notify("No file was in hand then.", title="Nothing here")
        else:
            self.app.push_screen(file_dialog(self.story, cell.span.unit_id, cell.span.name))

    @on(RowList.Chosen, "#gantt")
    def _choose(self) -> None:
        self.action_details()
