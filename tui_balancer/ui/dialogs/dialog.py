"""Base of all dialogs: each closes once, however fast keys and clicks arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, TypeVar

from textual import on
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList

ResultT = TypeVar("ResultT")


class Dialog(ModalScreen[ResultT]):
    """A dialog over the main screen; escape and a button `cancel` close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", show=False),
    ]

    def dismiss(self, result: ResultT | None = None) -> AwaitComplete:
        """Close the dialog with this answer; ignore a second answer."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)


class Choices(OptionList):
    """What a dialog offers, a line each; j and k move the cursor too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]


class Palette(CommandPalette):
    """The command palette, which runs the chosen command once."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close the palette; Textual runs the chosen command after each call."""
        if self.is_active:
            return super().dismiss(result)
        if self._selected_command is not None:
            self._selected_command = replace(self._selected_command, command=lambda: None)
        return AwaitComplete()
