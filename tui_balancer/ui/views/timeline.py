"""The fifth tab: activity of each device over time."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from tui_balancer.formatting import duration, percent, plural
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import shorten
from tui_balancer.ui.keymap import TIMELINE, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.painting.kept import Pane
from tui_balancer.ui.painting.line_text import LineText
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.state.timeline import Cell
from tui_balancer.ui.styles import Line, spread
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.gantt import Gantt
from tui_balancer.ui.widgets.throughput_chart import LEAST_ROWS, ThroughputChart
from tui_balancer.ui.widgets.tracks import LEGEND
from tui_balancer.view.run_state import SpanEnd
from tui_balancer.view.why.devices import explain_device
from tui_balancer.view.why.files import explain_file

_SHORT_NAME: Final = 24


class TimelineView(View):
    """The tracks, the item under the cursor, and the legend."""

    NAME = "timeline"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*TIMELINE)

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.gantt = Gantt(run_state.timeline)
        self.chart = ThroughputChart(run_state.throughput)
        self.detail = LineText(id="moment")
        self.legend = LineText(id="legend")

    def compose(self) -> ComposeResult:
        """Lay out tracks, throughput chart, and text."""
        with Pane(classes="main") as self._tracks:
            yield self.gantt
            yield self.chart
        yield self.detail
        yield self.legend

    def on_mount(self) -> None:
        """Draw the legend."""
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
        self._lay_out()
        # At once, so that both are painted together.
        self._tell()

    def _lay_out(self) -> None:
        """Show the chart if the tracks leave room for it."""
        spare = self._tracks.size.height - self.gantt.rows_height
        self.set_class(spare >= LEAST_ROWS, "-charted")
        self.chart.show(self.gantt.window, self.gantt.left)

    def on_resize(self) -> None:
        """Lay out again."""
        self._lay_out()

    @on(Gantt.Looked)
    def _follow_window(self) -> None:
        self._lay_out()
        self._tell()

    @on(RowList.CursorMoved, "#gantt")
    def _tell(self) -> None:
        self.detail.line = self._moment()

    def _moment(self) -> Line:
        cell, snapshot = self.gantt.cell_here(), self.run_state.snapshot
        if cell is None or snapshot is None:
            return []
        start, _ = self.gantt.moment
        where: list[Line] = [
            [(self.gantt.cursor_row or "", "strong")],
            [(snapshot.time_at(start), "plain")],
        ]
        more: list[Line] = []
        if cell.files:
            more.append([(f"{percent(cell.share)} busy", "dim")])
        if cell.steals:
            more.append([(f"{glyphs.STOLEN} {plural(cell.steals, 'file')} stolen", "accent")])
        layouts = [([*where, *what, *more], list[Line]()) for what in _in_hand(cell)]
        return spread(self.detail.size.width, f"  {glyphs.DOT}  ", *layouts)

    def action_zoom(self, factor: float) -> None:
        """Show more or less time."""
        self.gantt.zoom(factor)

    def action_fit(self) -> None:
        """Show the whole run."""
        self.gantt.fit()

    def action_follow(self) -> None:
        """Follow the current time, or stop following."""
        self.gantt.follow()

    def action_pan(self, share: float) -> None:
        """Move back or forward in time."""
        self.gantt.pan(share)

    def action_details(self) -> None:
        """Show details of the file at the cursor."""
        cell = self.gantt.cell_here()
        if cell is None or cell.span is None:
            self.notify("No file was running then.", title="Nothing here")
        else:
            self.show_file(cell.span.unit_id, cell.span.name)

    def action_why(self) -> None:
        """Explain the file at the cursor, or its device if there is none."""
        cell, device = self.gantt.cell_here(), self.gantt.cursor_row
        if cell is not None and cell.span is not None:
            self.ask_why(partial(explain_file, number=cell.span.unit_id), cell.span.name)
        elif device is not None:
            self.ask_why(partial(explain_device, device=device), device)

    @on(RowList.Chosen, "#gantt")
    def _choose(self) -> None:
        self.action_details()


def _in_hand(cell: Cell) -> list[list[Line]]:
    """Return descriptions of a device's activity, the longest first."""
    span = cell.span
    if span is None:
        return [[[(cell.activity.value, "plain")]]]
    short = shorten(span.name, _SHORT_NAME)
    if cell.files > 1:
        files = plural(cell.files, "file")
        return [[[(f"{files}, the last {name}", "plain")]] for name in (span.name, short)]
    took = (
        f"{span.word} {'for' if span.how is SpanEnd.OUT else 'after'} {span.end - span.start:.1f}s"
    )
    between = f", {duration(span.start)} {glyphs.ARROW} {duration(span.end)}"
    return [
        [[(name, "strong")], [(words, "plain")]]
        for name, words in ((span.name, took + between), (short, took + between), (short, took))
    ]
