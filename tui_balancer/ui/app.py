"""The application: it ties the run, the screen and the terminal together."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Final, Literal

from textual.app import App, SystemCommand
from textual.screen import Screen

from tui_balancer.balance.commands import Drain, MoveUnits, SetPolicy, StopNow
from tui_balancer.run.handle import Phase, RunHandle
from tui_balancer.ui.dialogs.quit_dialog import LEAVE, QuitDialog
from tui_balancer.ui.driver import TerminalDriver
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.keymap import KEYS
from tui_balancer.ui.link import RunLink
from tui_balancer.ui.messages import (
    CommandAnswered,
    EventsArrived,
    LinkBroke,
    SnapshotTaken,
)
from tui_balancer.ui.screens.run_screen import RunScreen
from tui_balancer.ui.themes import DARK, LIGHT, preferred_theme

_SIGNALS: Final = {
    signal.SIGHUP: ExitCode.TERMINAL_LOST,
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
}


class BalancerApp(App[int]):
    """Shows a run and steers it; `run()` returns an `ExitCode`.

    The app neither starts nor ends the run: after it returns the caller looks at the exit code
    and at `run.summary()`. SIGHUP, SIGINT and SIGTERM belong to the app while it runs and then
    again to whatever handlers the caller had set.

    Args:
        run: The run, local or not.
        refresh_hz: Pictures a second.
        attached: Whether the run is another process's, which goes on when this screen is left.
        read_only: Whether the run refuses every command; say so, and do not ask on leaving.
        interrupted: Whether a signal came before the app could take it; asked when it can.
        poll: Whether a thread takes pictures; tests take them by `link.read()`.
    """

    CSS_PATH = "app.tcss"
    TITLE = "tui_balancer"

    def __init__(
        self,
        run: RunHandle,
        *,
        refresh_hz: float = 4.0,
        attached: bool = False,
        read_only: bool = False,
        interrupted: Callable[[], bool] = lambda: False,
        poll: bool = True,
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.link = RunLink(run, self, refresh_hz=refresh_hz)
        self.run_screen = RunScreen(self.link)
        self.run_screen.header.read_only = read_only
        self._attached = attached
        self._read_only = read_only
        self._interrupted = interrupted
        self._poll = poll
        self._leaving = False
        self._handlers: dict[signal.Signals, Any] = {}
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        if "TEXTUAL_THEME" not in os.environ:
            self.theme = preferred_theme(os.environ)

    def get_default_screen(self) -> Screen[None]:
        """Start with the run."""
        return self.run_screen

    def on_mount(self) -> None:
        """Take over the signals."""
        loop = asyncio.get_running_loop()

        def handle(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._leave, _SIGNALS[signal.Signals(number)])

        # The loop's own handlers leave the default action behind, and a second SIGHUP, which
        # shells do send, would then end the program while it goes on without a screen.
        self._handlers = {number: signal.signal(number, handle) for number in _SIGNALS}
        if self._interrupted():
            self._leave(ExitCode.INTERRUPTED)

    def on_ready(self) -> None:
        """Begin to read the run, now that there are widgets to show it."""
        self.link.start(poll=self._poll)

    async def on_unmount(self) -> None:
        """Let go of the run and give the signals back to the caller's handlers."""
        await asyncio.to_thread(self.link.stop)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _leave(self, code: ExitCode) -> None:
        self.exit(int(code), return_code=int(code))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Hand a picture to the screen; leave if that was asked and the run has ended."""
        self.run_screen.receive(message.picture)
        if self._leaving and message.picture.summary is not None:
            self._leave(ExitCode.ENDED)

    def on_events_arrived(self, message: EventsArrived) -> None:
        """Hand events to the screen."""
        self.run_screen.add_events(message.events)

    def on_command_answered(self, message: CommandAnswered) -> None:
        """Say what became of a command."""
        command, outcome = message.command, message.outcome
        self.notify(
            outcome.message,
            title="Done" if outcome.accepted else "Refused",
            severity="information" if outcome.accepted else "warning",
            markup=False,
        )
        if isinstance(command, SetPolicy):
            self.run_screen.policy_answered()
        elif isinstance(command, MoveUnits) and outcome.accepted:
            self.run_screen.moved(command.unit_ids)
        elif isinstance(command, Drain | StopNow) and not outcome.accepted:
            self._leaving = False

    def on_link_broke(self, message: LinkBroke) -> None:
        """Break with the run's own error rather than show a picture that stands still."""
        raise message.error

    def on_terminal_lost(self) -> None:
        """Go without a screen."""
        self._leave(ExitCode.TERMINAL_LOST)

    async def action_quit(self) -> None:
        """Leave at once after the end of the run; before it, ask what becomes of it."""
        snapshot = self.run_screen.snapshot
        phase = snapshot.phase if snapshot else Phase.SCANNING
        if phase is Phase.FINISHED:
            self._leave(ExitCode.ENDED)
        elif phase is Phase.STOPPING:
            self._leave(ExitCode.LEFT_STOPPING)
        elif self._read_only:
            self._leave(ExitCode.LEFT)
        elif not isinstance(self.screen, QuitDialog):
            self.push_screen(QuitDialog(snapshot, attached=self._attached), self._quit_answered)

    def action_help_quit(self) -> None:
        """Ctrl+C asks the same question as quit."""
        self.call_next(self.action_quit)

    def _quit_answered(self, answer: Drain | StopNow | Literal["leave"] | None) -> None:
        if answer == LEAVE:
            self._leave(ExitCode.LEFT)
        elif isinstance(answer, Drain | StopNow):
            self._leaving = True
            self.link.send(answer)

    def get_system_commands(self, _screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action of the main screen in the palette, and Textual's own few."""
        for key in KEYS:
            parts = key.action.split(".")
            namespace = self if parts[0] == "app" else self.run_screen
            if namespace.check_action(parts[-1], ()):
                run = getattr(namespace, f"action_{parts[-1]}")
                yield SystemCommand(key.help, f"Key: {key.shown}", run)
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
        yield SystemCommand("Screenshot", "Save the screen as an SVG", self.deliver_screenshot)
