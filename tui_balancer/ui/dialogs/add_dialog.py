"""Dialog for inputs to add to the run."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static

from tui_balancer.inputs.finding.patterns import absolute_pattern
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.ui.dialogs.dialog import Dialog


class AddDialog(Dialog[str | None]):
    """Asks for a FASTA file, a folder or a glob; the answer is its absolute path."""

    def compose(self) -> ComposeResult:
        """Ask, and say what a relative path starts from."""
        with Vertical(classes="dialog", id="add") as box:
            box.border_title = "Add files"
            box.border_subtitle = "enter adds · escape cancels"
            yield Label("A FASTA file, a folder or a glob:")
            yield Input(compact=True, id="path")
            yield Static(f"in {terminal_safe(str(Path.cwd()))}", id="from", markup=False)
            yield Static(id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Add", id="apply")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        """Focus the path."""
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    @on(Input.Changed)
    def _forget_complaint(self) -> None:
        self.query_one("#problem", Static).update("")

    @on(Input.Submitted)
    @on(Button.Pressed, "#apply")
    def _apply(self) -> None:
        path = self.query_one(Input).value.strip()
        if path:
            self.dismiss(absolute_pattern(path))
        else:
            self.query_one("#problem", Static).update("Write a path first.")

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)
