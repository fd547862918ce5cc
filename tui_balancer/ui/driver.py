"""The terminal driver of a program that outlives its terminal."""

from __future__ import annotations

import io
import os
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Any, Final, cast

from textual.drivers.linux_driver import LinuxDriver

from tui_balancer.inputs.text import terminal_safe
from tui_balancer.ui.messages import TerminalLost

if TYPE_CHECKING:
    from textual.app import App

_LOOK_SECONDS: Final = 0.5

_KEEP_TITLE: Final = "\x1b[22;0t"
_RESTORE_TITLE: Final = "\x1b[23;0t"


class LossTolerantFile(io.TextIOBase):
    """A terminal to write to that swallows what a lost one refuses.

    Textual's writer thread ends with the first error, and the event loop then blocks for ever
    on its full queue; behind this file the thread goes on and the queue drains.
    """

    def __init__(self, file: IO[str]) -> None:
        super().__init__()
        self._file = file
        self.lost = Event()

    def write(self, text: str) -> int:
        """Write, or drop the text when there is no terminal any more."""
        if not self.lost.is_set():
            try:
                self._file.write(text)
            except (OSError, ValueError):
                self.lost.set()
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing when there is no terminal any more."""
        if not self.lost.is_set():
            try:
                self._file.flush()
            except (OSError, ValueError):
                self.lost.set()

    def fileno(self) -> int:
        """Return the file number of the terminal."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Return whether the terminal was there when last written to."""
        return not self.lost.is_set()


class TerminalDriver(LinuxDriver):
    """Textual's driver, which also notices that the terminal is gone and says so to the app.

    A hangup without SIGHUP (`nohup`, a killed multiplexer, a signal somebody blocked) shows only
    in a failing write, a failing read, or `isatty` turning false, so all three are watched.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._terminal = LossTolerantFile(cast(IO[str], self._file))
        self._file = cast(io.TextIOWrapper, self._terminal)
        self._closed = Event()
        Thread(target=self._watch, name="ui-terminal", daemon=True).start()

    def run_input_thread(self) -> None:
        """Read keys until the app ends or the terminal is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self._terminal.lost.set()

    def start_application_mode(self) -> None:
        """Take the screen over; the window's title is kept for afterwards."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.write(_KEEP_TITLE)

    def stop_application_mode(self) -> None:
        """Give the screen and the window's title back."""
        self.write(_RESTORE_TITLE)
        super().stop_application_mode()

    def entitle(self, text: str) -> None:
        """Write the window's title."""
        self.write(f"\x1b]2;{terminal_safe(text)}\x07")

    def announce(self, text: str) -> None:
        """Ring, and have the desktop show a notification where the terminal can (OSC 9)."""
        self.write(f"\x1b]9;{terminal_safe(text)}\x07\x07")

    def close(self) -> None:
        """End the watch and the writer."""
        self._closed.set()
        super().close()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            if self._terminal.lost.is_set() or not os.isatty(self.fileno):
                self._terminal.lost.set()
                self._app.post_message(TerminalLost())
                return
