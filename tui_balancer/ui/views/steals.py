"""The fourth tab: every steal with its reason and gain, and the totals by pair of devices."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from tui_balancer.ui.dialogs.decision_dialog import DecisionDialog
from tui_balancer.ui.keymap import STEALS, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.painting.kept import Pane
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.event_log import EventLog
from tui_balancer.ui.widgets.filter_bar import FilterBar
from tui_balancer.ui.widgets.pair_matrix import PairMatrix
from tui_balancer.view.why.explain import explain_event


class StealsView(View):
    """A log with filters, and the totals of each pair of devices."""

    NAME = "steals"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*STEALS)

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.log_list = EventLog(run_state.events, title="Steals and events", id="steallog")
        self.filter_bar = FilterBar()
        self.matrix = PairMatrix()

    def compose(self) -> ComposeResult:
        """Lay out the log with its filter, and the matrix below or next to it."""
        with Pane(classes="main"):
            yield self.log_list
            yield self.filter_bar
        yield self.matrix

    @property
    def home(self) -> Widget:
        """The log."""
        return self.log_list

    def show(self, picture: Picture) -> None:
        """Draw a picture."""
        snapshot = picture.snapshot
        self.log_list.show(snapshot.started_at, snapshot.taken_at)
        self.matrix.show(self.run_state.events.steals, [one.device for one in snapshot.devices])

    def action_filter(self) -> None:
        """Filter lines by words."""
        self.filter_bar.ask()

    def action_next_kind(self) -> None:
        """Show only the next kind of events."""
        self.log_list.next_kind()

    def action_details(self) -> None:
        """Show the decision's numbers."""
        row = self.log_list.cursor_row
        if row is not None:
            self.app.push_screen(DecisionDialog(row, self.log_list.time_of(row)))

    def action_why(self) -> None:
        """Explain the event under the cursor, and the current state of its file or device."""
        row = self.log_list.cursor_row
        if row is not None:
            self.ask_why(partial(explain_event, event=row.event), row.line.label.value)

    @on(RowList.Chosen, "#steallog")
    def _choose(self) -> None:
        self.action_details()

    @on(FilterBar.Narrowed)
    def _narrow(self, event: FilterBar.Narrowed) -> None:
        self.log_list.filter(event.text)

    @on(FilterBar.Left)
    def _leave_filter(self) -> None:
        self.log_list.focus()
