"""A line to type the words in that a list is narrowed down to."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui_balancer.ui.keymap import FILTERING, bindings


class FilterBar(Input):
    """Hidden until it is asked for; escape empties it, enter keeps what it says.

    Args:
        hint: What it says while it is empty.
        note: What is shown and hidden with it.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(*FILTERING)

    class Narrowed(Message):
        """The words have changed."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    class Left(Message):
        """The person is through with typing."""

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
        """Show it, whatever was told in its place, and take the keys."""
        self.app.clear_notifications()
        self._appear(True)
        self.focus()

    def put(self, text: str) -> None:
        """Change what it says; an empty one that nobody types in is hidden."""
        self.value = text
        self._appear(bool(text) or self.has_focus)

    def action_give_up(self) -> None:
        """Show everything again."""
        self.value = ""
        self.action_keep()

    def action_keep(self) -> None:
        """Give the keys back, and the room where nothing is filtered."""
        self._appear(bool(self.value))
        self.post_message(self.Left())

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Narrowed(self.value))
