"""The input line for a list's filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui_balancer.ui.keymap import FILTERING, bindings


class FilterBar(Input):
    """Hidden until opened; escape clears it, enter keeps its text.

    Args:
        hint: Placeholder while it is empty.
        note: Widget that is shown and hidden with it.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(*FILTERING)

    @dataclass
    class Narrowed(Message):
        """The text has changed."""

        text: str

    class Left(Message):
        """The user has finished typing."""

    def __init__(self, *, hint: str = "words to find", note: Widget | None = None) -> None:
        super().__init__(placeholder=hint, compact=True, classes="filter")
        self.cursor_blink = False
        self._note = note
        self._appear(False)

    def _appear(self, shown: bool) -> None:
        self.display = shown
        if self._note is not None:
            self._note.display = shown

    def ask(self) -> None:
        """Show the input and focus it."""
        self.app.clear_notifications()
        self._appear(True)
        self.focus()

    def put(self, text: str) -> None:
        """Set the text; hide the input if it is empty and not focused."""
        self.value = text
        self._appear(bool(text) or self.has_focus)

    def action_give_up(self) -> None:
        """Clear the filter."""
        self.value = ""
        self.action_keep()

    def action_keep(self) -> None:
        """Return the focus; hide the input if it is empty."""
        self._appear(bool(self.value))
        self.post_message(self.Left())

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Narrowed(self.value))
