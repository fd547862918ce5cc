"""The Textual application: connects the run, the screen and the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from types import FrameType
from typing import Any, ClassVar, Final, Literal

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen

from tui_balancer.errors import UserError
from tui_balancer.process.stop_signals import STOP_SIGNALS
from tui_balancer.scheduler.commands import Drain, StopNow
from tui_balancer.ui import glyphs
from tui_balancer.ui.appearance import Appearance
from tui_balancer.ui.ascii_filter import AsciiFilter
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog
from tui_balancer.ui.dialogs.dialog import Palette
from tui_balancer.ui.dialogs.quit_dialog import LEAVE, QuitDialog
from tui_balancer.ui.driver import TerminalDriver
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.keymap import TABS
from tui_balancer.ui.messages import (
    CommandAnswered,
    EventsArrived,
    LinkBroke,
    Picture,
    SnapshotTaken,
    TerminalReturned,
    WentBack,
)
from tui_balancer.ui.notifications import Notifications
from tui_balancer.ui.poller import RunPoller
from tui_balancer.ui.screens.run_screen import RunScreen
from tui_balancer.ui.themes import DARK, LIGHT, OWN_COLORS, THEMES, preferred_theme
from tui_balancer.ui.toasts import answer_text
from tui_balancer.ui.tolerant_app import FAILED, TolerantApp
from tui_balancer.view.handle import Phase, RunHandle

_SIGNALS: Final = {
    **dict.fromkeys(STOP_SIGNALS, ExitCode.TERMINATED),
    signal.SIGHUP: ExitCode.TERMINAL_LOST,
    signal.SIGINT: ExitCode.INTERRUPTED,
}


class BalancerApp(TolerantApp):
    """Shows and controls a run; `run()` returns an `ExitCode`.

    The app neither starts nor ends the run: after it returns the caller looks at the exit code
    and at `run.summary()`. The app handles SIGHUP and `STOP_SIGNALS` while it runs, then restores
    the caller's handlers.

    Args:
        run: The run, local or not.
        refresh_hz: Pictures a second.
        attached: Whether the run is another process's and continues when this screen closes.
        read_only: Whether the run refuses every command; say so, and do not ask on leaving.
        painted: Called once the screen has been painted for the first time.
        interrupted: Returns whether a signal arrived before the app handled signals.
        poll: Whether a thread takes pictures; tests call `link.read()` instead.
        ascii_only: Draw with ASCII only.
        look: The user's preferences.
        screen: Makes the main screen, if it is not `RunScreen`.

    Attributes:
        reopened_at: The tab at which an earlier screen failed; None if none did.
    """

    CSS_PATH = "app.tcss"
    TITLE = "tui_balancer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
    ]

    def __init__(
        self,
        run: RunHandle,
        *,
        refresh_hz: float = 4.0,
        attached: bool = False,
        read_only: bool = False,
        painted: Callable[[], object] = lambda: None,
        interrupted: Callable[[], bool] = lambda: False,
        poll: bool = True,
        ascii_only: bool = False,
        look: Appearance | None = None,
        screen: Callable[[RunPoller], RunScreen] | None = None,
    ) -> None:
        super().__init__(run.log_folder, driver_class=TerminalDriver)
        self.link = RunPoller(run, self, refresh_hz=refresh_hz)
        make = screen or partial(RunScreen, read_only=read_only)
        self.run_screen = make(self.link)
        look = look or Appearance()
        self.run_screen.sections = look.renamed(self.run_screen.sections)
        self.run_screen.recall(look.memory)
        self._memory = look.memory
        self.set_keymap(look.keys)
        self._ascii = AsciiFilter(enabled=ascii_only)
        self._news = Notifications()
        self._attached = attached
        self._read_only = read_only
        self._painted = painted
        self._interrupted = interrupted
        self._poll = poll
        self._leaving = False
        self.reopened_at: str | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        for theme in THEMES:
            self.register_theme(theme)
        asked = os.environ.get("TEXTUAL_THEME", look.theme)
        self.theme = asked if asked in self.available_themes else preferred_theme(os.environ)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Draw with ASCII only if asked."""
        filters = super().get_line_filters()
        return [*filters, self._ascii] if self._ascii.enabled else filters

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Add this program's variables to themes that lack them."""
        like = DARK if self.current_theme.dark else LIGHT
        return {name: like.variables[name] for name in OWN_COLORS}

    def get_default_screen(self) -> Screen[None]:
        """Show the run first."""
        return self.run_screen

    def on_mount(self) -> None:
        """Install the signal handlers."""
        loop = asyncio.get_running_loop()

        def handle(number: int, _frame: FrameType | None) -> None:
            code = _SIGNALS[signal.Signals(number)]
            self._note_left(code)
            loop.call_soon_threadsafe(self._leave, code)

        # The loop's own handlers leave the default action behind, and a second SIGHUP, which
        # shells do send, would then end the program while it runs without a screen.
        self._handlers = {number: signal.signal(number, handle) for number in _SIGNALS}
        if self._interrupted():
            self._leave(ExitCode.INTERRUPTED)

    async def on_ready(self) -> None:
        """Start reading the run, now that widgets can show it."""
        self.link.start(poll=self._poll)
        self.call_after_refresh(self._painted)
        if self.reopened_at is not None:
            await self.run_screen.action_show_tab(self.reopened_at)
            self.notify(
                "The screen was reopened. The error is in logs/app.log.",
                title=FAILED,
                severity="warning",
            )

    async def on_unmount(self) -> None:
        """Stop reading the run and restore the caller's signal handlers."""
        await asyncio.to_thread(self.link.stop)
        await asyncio.to_thread(self._memory.save)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _leave(self, code: ExitCode) -> None:
        self._note_left(code)
        self.exit(int(code), return_code=int(code))

    def _note_left(self, code: ExitCode) -> None:
        """Set the exit code and close; a lost terminal does not override a signal."""
        if code is not ExitCode.TERMINAL_LOST or self.left is None:
            self.left = code

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Pass a picture to the screen; close if the user asked to and the run has ended."""
        self.run_screen.receive(message.picture)
        if isinstance(self.screen, DetailDialog):
            self.screen.update_page()
        self._tell_terminal(message.picture)
        if self._leaving and message.picture.summary is not None:
            self._leave(ExitCode.ENDED)

    def on_went_back(self, _message: WentBack) -> None:
        """Reset the screen's record: the replay has gone back in time."""
        self.run_screen.run_state.forget()

    def on_events_arrived(self, message: EventsArrived) -> None:
        """Pass events to the screen."""
        self.run_screen.add_events(message.events)

    def on_command_answered(self, message: CommandAnswered) -> None:
        """Show the result of a command."""
        command, outcome = message.command, message.outcome
        if outcome.accepted:
            keys = chain.from_iterable(self.run_screen.sections.values())
            text = answer_text(command, outcome, keys)
            # A message that offers undo stays a little longer.
            timeout = 8 if outcome.undoable else 4
            self.notify(f"{glyphs.DONE} {text}", timeout=timeout, markup=False)
        else:
            self.notify(outcome.message, title="Refused", severity="warning", markup=False)
        self.run_screen.answered(command, outcome)
        if isinstance(command, Drain | StopNow) and not outcome.accepted:
            self._leaving = False

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show one notification at a time: at 80×24 several hide the content."""
        self.clear_notifications()
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def _tell_terminal(self, picture: Picture) -> None:
        """Show progress in the window's title, and ring the bell for news."""
        title, news = self._news.of(picture)
        driver = self._driver
        if isinstance(driver, TerminalDriver):
            if title:
                driver.entitle(title)
            if news:
                driver.announce(news)

    def on_link_broke(self, message: LinkBroke) -> None:
        """Leave a run that cannot start; raise any other error."""
        if not isinstance(message.error, UserError):
            raise message.error
        self._leave(ExitCode.REFUSED)

    def on_terminal_lost(self) -> None:
        """Continue without a screen."""
        self._leave(ExitCode.TERMINAL_LOST)

    def on_terminal_returned(self, _message: TerminalReturned) -> None:
        """Repaint the whole screen."""
        self.refresh(layout=True)

    def restore_terminal(self) -> None:
        """Restore the terminal if the app has ended without doing so."""
        if self._driver is not None:
            self._driver.close()

    async def action_quit(self) -> None:
        """Quit at once if the run has ended; otherwise ask how to leave it."""
        snapshot = self.run_screen.snapshot
        phase = snapshot.phase if snapshot else Phase.SCANNING
        if phase is Phase.FINISHED:
            self._leave(ExitCode.ENDED)
        elif phase is Phase.PREPARING:
            self._leave(ExitCode.INTERRUPTED)
        elif phase is Phase.STOPPING:
            self._leave(ExitCode.LEFT_STOPPING)
        elif self._read_only:
            self._leave(ExitCode.LEFT)
        elif not isinstance(self.screen, QuitDialog):
            self.push_screen(QuitDialog(snapshot, attached=self._attached), self._quit_answered)

    def action_help_quit(self) -> None:
        """Stop the run without asking: ctrl+c means SIGINT, as everywhere."""
        ended = self.run_screen.snapshot is not None and (
            self.run_screen.snapshot.phase is Phase.FINISHED
        )
        self._leave(ExitCode.ENDED if ended else ExitCode.INTERRUPTED)

    def action_suspend_process(self) -> None:
        """Suspend an attached screen; the app's own run would stop with it."""
        if self._attached or self._read_only:
            super().action_suspend_process()
        else:
            self.notify(
                "It would stop the run. Close the terminal to continue without a screen; "
                "`tui-balancer attach` shows it again.",
                title="ctrl+z is off",
                markup=False,
            )

    def _quit_answered(self, answer: Drain | StopNow | Literal["leave"] | None) -> None:
        if answer == LEAVE:
            self._leave(ExitCode.LEFT)
        elif isinstance(answer, Drain | StopNow):
            self._leaving = True
            self.link.send(answer)

    def action_command_palette(self) -> None:
        """Open the palette of commands."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def get_system_commands(self, _screen: Screen[object]) -> Iterable[SystemCommand]:
        """List every action of the main screen in the palette, then Textual's."""
        for section, keys in self.run_screen.sections.items():
            where = f" in {section}" if section in TABS else ""
            for key in keys:
                if self.run_screen.offers(key):
                    run = partial(self.run_screen.run_key, key)
                    yield SystemCommand(key.help, f"Key: {key.shown}{where}", run)
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
