"""The first tab: devices, finish times and the newest log lines."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.widget import Widget

from tui_balancer.ui.dialogs.decision_dialog import DecisionDialog
from tui_balancer.ui.dialogs.device_dialog import device_dialog
from tui_balancer.ui.formatting import device_width
from tui_balancer.ui.keymap import OVERVIEW, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.painting.kept import Pane
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.device_table import DeviceTable
from tui_balancer.ui.widgets.device_throughput import DeviceThroughput
from tui_balancer.ui.widgets.event_log import EventLog
from tui_balancer.ui.widgets.finish_bars import FinishBars
from tui_balancer.ui.widgets.next_files import NextFiles
from tui_balancer.ui.widgets.summary_panel import SummaryPanel
from tui_balancer.ui.widgets.throughput_chart import LEAST_ROWS, ThroughputChart
from tui_balancer.view.why.devices import explain_device
from tui_balancer.view.why.explain import explain_event
from tui_balancer.view.why.files import explain_file

_MOST_BARS = 0.6
"""Share of the height for the finish times of many devices, as in the stylesheet."""

_LEAST_LOG = 14
_LEAST_NEXT = 6
"""Minimum lines of the log, with titles, and of the next files to show both."""


class OverviewView(View):
    """Device table over finish bars and log; the summary replaces the bars at the end.

    If there is room, also the throughput by device and the next files of each queue.
    """

    NAME = "overview"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*OVERVIEW)

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.devices = DeviceTable(run_state.rates.recent)
        self.finish = FinishBars()
        self.rates = DeviceThroughput(run_state.rates)
        self.chart = ThroughputChart(run_state.throughput)
        self.next_files = NextFiles()
        self.log_list = EventLog(run_state.events, title="Events", id="log")
        self.summary = SummaryPanel()
        self._room: tuple[Size, Size] | None = None

    def compose(self) -> ComposeResult:
        """Lay out the panes; on wide screens the stylesheet puts the lower ones side by side."""
        yield self.devices
        with Pane(classes="lower"):
            with Pane(classes="left") as self._left:
                yield self.finish
                yield self.summary
                yield self.rates
                yield self.chart
            with Pane(classes="right") as self._right:
                yield self.next_files
                yield self.log_list

    @property
    def home(self) -> Widget:
        """The device table, or the summary of a run that has ended."""
        return self.summary if self.has_class("-finished") else self.devices

    @property
    def device(self) -> str | None:
        """The device under the cursor."""
        return self.devices.device

    def show(self, picture: Picture) -> None:
        """Draw a picture."""
        snapshot = picture.snapshot
        self.devices.show(snapshot)
        if picture.summary is None:
            self._unfinish()
            self.finish.show(snapshot)
            self._lay_out()
        elif not self.has_class("-finished"):
            self.summary.show(picture.summary)
            self.add_class("-finished")
            self._lay_out()
            # It accepts focus only once it is displayed.
            if self.devices.has_focus:
                self.call_after_refresh(self.summary.focus)
        self.log_list.show(snapshot.started_at, snapshot.taken_at)

    def on_resize(self) -> None:
        """Adapt to the new height."""
        self._lay_out()

    def _lay_out(self) -> None:
        """Adapt to the size now, and again after the first layout."""
        room = self._left.size, self._right.size
        if room != self._room:
            self._room = room
            self.call_after_refresh(self._lay_out)
        self._use_room()

    def _use_room(self) -> None:
        """Show more panes if the height allows; the stylesheet does so for the width."""
        snapshot, ended = self.run_state.snapshot, self.has_class("-finished")
        if snapshot is None:
            return
        devices = len(snapshot.devices)
        height = self._left.size.height
        spare = height - min(self.finish.rows_height, int(height * _MOST_BARS))
        charted = spare >= LEAST_ROWS and not ended
        by_device = charted and 0 < devices < spare
        self.set_class(by_device, "-by-device")
        self.set_class(charted and not by_device, "-charted")
        height = self._right.size.height
        self.set_class(height >= _LEAST_LOG + min(devices, _LEAST_NEXT) and not ended, "-ahead")
        if not self.screen.has_class("-wide"):
            height //= 2
        if self.has_class("-ahead"):
            self.next_files.show(snapshot, height)
        if by_device:
            self.rates.show(snapshot)
        elif charted:
            names = device_width(one.device for one in snapshot.devices)
            self.chart.fit(snapshot.elapsed_seconds, names)

    def _unfinish(self) -> None:
        """Replace the summary by the bars again when a replay goes back in time."""
        if self.has_class("-finished"):
            self.remove_class("-finished")
            if self.summary.has_focus:
                self.devices.focus()

    def action_details(self) -> None:
        """Open the device or event under the cursor; fold or unfold a group."""
        if self.log_list.has_focus:
            self._show_event()
        elif self.next_files.has_focus:
            self._enter_next()
        elif self.devices.device is None:
            self.devices.toggle_fold()
        else:
            self.app.push_screen(device_dialog(self.run_state, self.devices.device))

    def action_why(self) -> None:
        """Explain the device, file or event under the cursor."""
        row = self.log_list.cursor_row if self.log_list.has_focus else None
        waiting = self.next_files.cursor_row if self.next_files.has_focus else None
        bar = self.finish.cursor_row if self.finish.has_focus else None
        device = bar.device if bar is not None else self.devices.device
        if row is not None:
            self.ask_why(partial(explain_event, event=row.event), row.line.label.value)
        elif waiting is not None:
            self.ask_why(partial(explain_file, number=waiting.unit.unit_id), waiting.unit.name)
        elif device is not None:
            self.ask_why(partial(explain_device, device=device), device)
        else:
            self.notify("Select a device first.", title="No device")

    def action_columns(self) -> None:
        """Choose the columns of the devices."""
        self.choose_columns(self.devices)

    def action_fold(self) -> None:
        """Fold or unfold the group under the cursor."""
        if not self.devices.toggle_fold():
            self.notify("Devices are grouped only if there are many.", title="No groups")

    @on(RowList.Chosen, "#devices")
    def _enter_device(self) -> None:
        self.action_details()

    @on(RowList.Chosen, "#finish")
    def _enter_finish(self) -> None:
        row = self.finish.cursor_row
        if row is not None:
            self.app.push_screen(device_dialog(self.run_state, row.device))

    @on(RowList.Chosen, "#next")
    def _enter_next(self) -> None:
        row = self.next_files.cursor_row
        if row is not None:
            self.show_file(row.unit.unit_id, row.unit.name)

    @on(RowList.Chosen, "#log")
    def _show_event(self) -> None:
        row = self.log_list.cursor_row
        if row is not None:
            self.app.push_screen(DecisionDialog(row, self.log_list.time_of(row)))
