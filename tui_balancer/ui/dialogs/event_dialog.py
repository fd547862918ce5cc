"""One line of the log with all its words."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui_balancer.ui.dialogs.dialog import Dialog
from tui_balancer.ui.widgets.event_log import LogRow


class EventDialog(Dialog[None]):
    """Time, devices, file and reason, none of them cut."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q", "dismiss", "Close", show=False)]

    def __init__(self, row: LogRow, time: str) -> None:
        super().__init__()
        self._row = row
        self._time = time

    def compose(self) -> ComposeResult:
        """Draw a field a line; empty ones are left out."""
        row = self._row
        fields = {
            "Time": self._time,
            "Devices": row.route,
            "File": row.name,
            "Reason": row.reason,
        }
        lines = [
            Content.assemble((f"{label:<9}", "$foreground 60%"), text)
            for label, text in fields.items()
            if text
        ]
        with VerticalScroll(classes="dialog") as box:
            box.border_title = row.word.capitalize()
            box.border_subtitle = "escape closes"
            yield Static(Content("\n").join(lines))
