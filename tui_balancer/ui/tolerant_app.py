"""An app that outlives errors of its screen: each is logged, and the key that failed is dropped."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from textual._context import active_message_pump
from textual.app import App
from textual.dom import NoScreen
from textual.events import Event, InputEvent
from textual.events import Key as KeyEvent
from textual.message_pump import MessagePump
from textual.widget import Widget
from textual.worker import WorkerFailed, get_current_worker

from tui_balancer.run_folder.names import APP_LOG
from tui_balancer.ui.exits import ExitCode

FAILED: Final = "The screen failed"

_LOGGED_MOST: Final = 20
"""Errors that are logged at most: a key that is held down may fail many times a second."""


def log_error(folder: Path, what: str, error: Exception) -> str:
    """Append an error to the app's log, and return a sentence that says where it is.

    Args:
        folder: Contains the log; that of an attached or replayed run may be read-only or gone.
        what: What failed.
    """
    moment = datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    with suppress(OSError), (folder / APP_LOG).open("a", encoding="utf-8") as log:
        log.write(f"{moment} ERROR {__name__}: {what}:\n{trace}")
        return f"Details: {log.name}"
    return f"The error: {error!r}"


class TolerantApp(App[int]):
    """Logs errors of the screen, and closes only after those that are not of a single widget.

    Args:
        log_folder: Returns the folder of the log.
        options: Of Textual's app.

    Attributes:
        left: The exit code once the app closes; None before. From then on keys are dropped.
        errors: All errors.
        details: Where the newest error is found.
    """

    def __init__(self, log_folder: Callable[[], Path], **options: Any) -> None:
        super().__init__(**options)
        self.left: ExitCode | None = None
        self.errors: list[Exception] = []
        self.details = ""
        self._log_folder = log_folder

    async def on_event(self, event: Event) -> None:
        """Drop a key or a click that fails: its widget may be closing."""
        if self.left is not None and isinstance(event, InputEvent):
            return
        try:
            await super().on_event(event)
        except Exception as error:
            if not isinstance(event, InputEvent):
                raise
            self.note(f"{event.__class__.__name__} was dropped", error)
            if isinstance(event, KeyEvent):
                self.notify(
                    f"{event.key}: {error!r}",
                    title="This key failed",
                    severity="error",
                    markup=False,
                )

    def note(self, what: str, error: Exception) -> None:
        """Log an error of the screen."""
        self.errors.append(error)
        if len(self.errors) <= _LOGGED_MOST:
            self.details = log_error(self._log_folder(), what, error)

    def _handle_exception(self, error: Exception) -> None:
        """Log an uncaught error; close the screen unless its widget is gone."""
        in_worker = isinstance(error, WorkerFailed)
        if self._is_gone(get_current_worker().node if in_worker else active_message_pump.get(None)):
            self.note("A closing widget failed", error)
        else:
            self.note(FAILED, error)
            super()._handle_exception(error)

    def _is_gone(self, pump: MessagePump | None) -> bool:
        """Whether a widget is no longer on the screen."""
        if not isinstance(pump, Widget):
            return False
        try:
            return not pump.is_attached or pump.screen not in self.screen_stack
        except NoScreen:
            return True

    def _fatal_error(self) -> None:
        """Close the screen; the caller reports why after the terminal is restored."""
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """Print nothing: see `_fatal_error`."""
        self._exit_renderables.clear()
