"""Asks how to leave a run that has not ended."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from tui_balancer.formatting import plural
from tui_balancer.scheduler.commands import Drain, StopNow
from tui_balancer.ui.dialogs.dialog import Dialog
from tui_balancer.view.handle import Phase, RunSnapshot

LEAVE: Final = "leave"
"""The answer that closes the screen while the run continues."""


class QuitDialog(Dialog[Drain | StopNow | Literal["leave"] | None]):
    """Finish the running files, stop now, or stay; or leave an attached run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "leave", "Leave", show=False),
        Binding("f", "finish", "Finish running files", show=False),
        Binding("s", "stop", "Stop now", show=False),
        Binding("c", "dismiss", "Stay", show=False),
        Binding("left", "app.focus_previous", "Previous", show=False),
        Binding("right", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, snapshot: RunSnapshot | None, *, attached: bool = False) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._attached = attached

    def compose(self) -> ComposeResult:
        """Explain each choice, then show the buttons."""
        draining = self._snapshot is not None and self._snapshot.phase is Phase.DRAINING
        with Vertical(classes="dialog") as box:
            box.border_title = "Quit"
            yield Static(self._state(), markup=False, classes="lead")
            if self._attached:
                yield Static("Leave: close this screen; the run continues.", markup=False)
            yield Static(
                "The running files are finished first; then the screen closes."
                if draining
                else "Finish: start no other file; close the screen after the running ones.",
                markup=False,
            )
            yield Static("Stop: finish the current batches only; resume later.", markup=False)
            with Horizontal(classes="buttons"):
                if self._attached:
                    yield Button("[u]L[/]eave", id="leave")
                yield Button("[u]F[/]inish running files", id="finish", disabled=draining)
                yield Button("[u]S[/]top now", id="stop")
                yield Button("[u]C[/]ancel", id="cancel")

    def on_mount(self) -> None:
        """Focus a choice that stops nothing, or the one already in progress."""
        next(button for button in self.query(Button) if self._harmless(button)).focus()

    @staticmethod
    def _harmless(button: Button) -> bool:
        return button.id != "stop" and not button.disabled

    def _state(self) -> str:
        if self._snapshot is None:
            return "The run is starting."
        totals = self._snapshot.totals
        return (
            f"{plural(totals.running, 'file')} running, "
            f"{plural(totals.waiting, 'file')} waiting, {plural(totals.done, 'file')} done."
        )

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        """Close the screen of another process's run."""
        if self._attached:
            self.dismiss(LEAVE)

    @on(Button.Pressed, "#finish")
    def action_finish(self) -> None:
        """Finish the running files, then end the run."""
        if not self.query_one("#finish", Button).disabled:
            self.dismiss(Drain())

    @on(Button.Pressed, "#stop")
    def action_stop(self) -> None:
        """End the run after the batches in flight."""
        self.dismiss(StopNow())
