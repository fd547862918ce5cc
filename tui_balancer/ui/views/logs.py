"""The sixth tab: logs of the run, the program and each worker."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from tui_balancer.ui.keymap import LOGS, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.painting.kept import Pane
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.filter_bar import FilterBar
from tui_balancer.ui.widgets.log_list import LogList
from tui_balancer.ui.widgets.log_names import LogNames


class LogsView(View):
    """The names of the logs, and the end of the selected one."""

    NAME = "logs"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*LOGS)

    class Asked(Message):
        """Another log is selected."""

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.names = LogNames()
        self.lines = LogList()
        self.filter_bar = FilterBar()

    def compose(self) -> ComposeResult:
        """Lay out names at the left and lines at the right."""
        yield self.names
        with Pane(classes="main"):
            yield self.lines
            yield self.filter_bar

    @property
    def home(self) -> Widget:
        """The names."""
        return self.names

    @property
    def wanted(self) -> str:
        """Name of the selected log; "" for the first one."""
        return self.names.cursor_row or ""

    @property
    def needs_picture(self) -> bool:
        """Whether the selected log has not been read yet."""
        return self.lines.name_shown != self.wanted

    def show(self, picture: Picture) -> None:
        """Draw a picture."""
        if picture.log is not None:
            self.names.set_rows(picture.log.names)
            if picture.log.name == self.wanted:
                self.lines.show(picture.log)

    def action_filter(self) -> None:
        """Filter lines by words."""
        self.filter_bar.ask()

    def action_next_level(self) -> None:
        """Cycle through warnings and errors, errors only, all lines."""
        self.lines.next_level()

    def action_follow(self) -> None:
        """Follow the end of the log, or stop following."""
        self.lines.toggle_follow()

    @on(RowList.CursorMoved, "#lognames")
    def _ask(self) -> None:
        self.post_message(self.Asked())

    @on(RowList.Chosen, "#lognames")
    def _enter_lines(self) -> None:
        self.lines.focus()

    @on(FilterBar.Narrowed)
    def _narrow(self, event: FilterBar.Narrowed) -> None:
        self.lines.filter(event.text)

    @on(FilterBar.Left)
    def _leave_filter(self) -> None:
        self.lines.focus()
