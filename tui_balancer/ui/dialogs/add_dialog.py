"""Dialog for what to add to the run, in a line of text."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static

from tui_balancer.ui.dialogs.dialog import Dialog


class AddDialog(Dialog[str | None]):
    """Asks for something to add; the answer is what was written.

    Args:
        title: What is added.
        question: What to write.
        note: A line about it.
        noun: What is missing if nothing was written.
    """

    def __init__(self, title: str, question: str, note: str, noun: str) -> None:
        super().__init__()
        self._title, self._question, self._note, self._noun = title, question, note, noun

    def compose(self) -> ComposeResult:
        """Ask."""
        with Vertical(classes="dialog", id="add") as box:
            box.border_title = self._title
            box.border_subtitle = "enter adds · escape cancels"
            yield Label(self._question, markup=False)
            yield Input(compact=True, id="entry")
            yield Static(self._note, id="note", markup=False)
            yield Static(id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Add", id="apply")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        """Focus the text."""
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    @on(Input.Changed)
    def _forget_complaint(self) -> None:
        self.query_one("#problem", Static).update("")

    @on(Input.Submitted)
    @on(Button.Pressed, "#apply")
    def _apply(self) -> None:
        text = self.query_one(Input).value.strip()
        if text:
            self.dismiss(text)
        else:
            self.query_one("#problem", Static).update(f"Write {self._noun} first.")
