"""Asks for confirmation before many files are changed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from tui_balancer.ui.dialogs.dialog import Dialog


class ConfirmDialog(Dialog[bool | None]):
    """Asks a question; the answer is True, or None after escape.

    Args:
        question: What will be done, with the number of files.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "dismiss(True)", "Confirm", show=False),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Ask."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Confirm"
            box.border_subtitle = "enter confirms · escape cancels"
            yield Static(self._question, markup=False)
