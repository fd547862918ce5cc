"""Base of all dialogs: each closes once, however fast keys and clicks arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, TypeVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import ModalScreen

ResultT = TypeVar("ResultT")


class Dialog(ModalScreen[ResultT]):
    """A dialog over the main screen; escape closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", show=False),
    ]

    def dismiss(self, result: ResultT | None = None) -> AwaitComplete:
        """Close the dialog with this answer; ignore a second answer."""
        return super().dismiss(result) if self.is_active else AwaitComplete()


class Palette(CommandPalette):
    """The command palette, which runs the chosen command once."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close the palette; Textual runs the chosen command after each call."""
        if self.is_active:
            return super().dismiss(result)
        if self._selected_command is not None:
            self._selected_command = replace(self._selected_command, command=lambda: None)
        return AwaitComplete()
