"""A list whose rows can be dragged with the mouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

from textual import events
from textual.message import Message

from tui_balancer.ui.painting.columns import RowT
from tui_balancer.ui.painting.row_list import RowList


class DragList(RowList[RowT], Generic[RowT]):
    """Posts a message when a row is dragged or dropped; the parent decides what that does."""

    @dataclass
    class Dragged(Message):
        """A row is being dragged; `dropped` when the button is released.

        Attributes:
            x: Screen column of the mouse.
            y: Screen line of the mouse.
        """

        row: Any
        x: int
        y: int
        dropped: bool

    _drag: RowT | None = None
    _dragging = False
    _taken_at = (0, 0)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Start dragging a row."""
        index = self.row_at(event)
        if index is not None and event.button == 1:
            self._drag, self._dragging = self.rows[index], False
            self._taken_at = (event.screen_x, event.screen_y)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag a row."""
        if self._drag is not None:
            where = (event.screen_x, event.screen_y)
            self._dragging = self._dragging or where != self._taken_at
            if self._dragging:
                self.post_message(self.Dragged(self._drag, *where, dropped=False))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Drop a row."""
        self.release_mouse()
        if self._drag is not None and self._dragging:
            where = (event.screen_x, event.screen_y)
            self.post_message(self.Dragged(self._drag, *where, dropped=True))
        self._drag, self._dragging = None, False
