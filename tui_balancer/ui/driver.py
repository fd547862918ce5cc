"""A terminal driver that survives a lost terminal and a suspension."""

from __future__ import annotations

import asyncio
import io
import os
import select
import signal
from codecs import getincrementaldecoder
from contextlib import suppress
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Any, Final, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.geometry import Size

from tui_balancer.inputs.text import terminal_safe
from tui_balancer.ui.messages import TerminalLost, TerminalReturned
from tui_balancer.ui.terminal import in_foreground, terminal_size

if TYPE_CHECKING:
    from textual.app import App

_LOOK_SECONDS: Final = 0.5
_KEYS_SECONDS: Final = 0.1

_KEEP_TITLE: Final = "\x1b[22;0t"
_RESTORE_TITLE: Final = "\x1b[23;0t"
_NO_MOUSE_PIXELS: Final = "\x1b[?1016l"
_USUAL_POINTER: Final = "\x1b]22;default\x07"


class LossTolerantFile(io.TextIOBase):
    """A terminal file whose writes never fail, even when the terminal is lost.

    Textual's writer thread ends at the first error, and the event loop then blocks for ever
    on its full queue; with this file the thread continues and the queue drains.
    """

    def __init__(self, file: IO[str]) -> None:
        super().__init__()
        self._file = file
        self.lost = Event()

    def write(self, text: str) -> int:
        """Write the text, or drop it if the terminal is gone."""
        if not self.lost.is_set():
            try:
                self._file.write(text)
            except (OSError, ValueError):
                self.lost.set()
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing if the terminal is gone."""
        if not self.lost.is_set():
            try:
                self._file.flush()
            except (OSError, ValueError):
                self.lost.set()

    def fileno(self) -> int:
        """Return the file number of the terminal."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Return whether the last write reached a terminal."""
        return not self.lost.is_set()


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal that may be lost, suspended and resumed.

    A hangup without SIGHUP (`nohup`, a killed multiplexer, a blocked signal) shows only
    in a failing write, a failing read, or `isatty` turning false, so all three are watched.

    SIGTSTP restores the terminal before the process stops. After SIGCONT, whatever stopped the
    process, all modes are set again and the whole screen is repainted; a background job waits
    until the shell brings it to the foreground, and the run continues without a screen.
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
        self._size = size or self._get_terminal_size()
        self._terminal = LossTolerantFile(cast(IO[str], self._file))
        self._file = cast(io.TextIOWrapper, self._terminal)
        self._closed = Event()
        self._shown = False
        self._suspended = False
        self._away = False
        self._continuing = False
        self._modes_at_start: list[Any] | None = None
        Thread(target=self._watch, name="ui-terminal", daemon=True).start()

    def _get_terminal_size(self) -> tuple[int, int]:
        """The real size: Textual prefers COLUMNS and LINES, even after the window has changed."""
        return terminal_size(self.fileno)

    def run_input_thread(self) -> None:
        """Read keys until the app ends or the terminal is lost; drop bytes that are not UTF-8."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="ignore").decode
        try:
            while not self.exit_event.is_set():
                ready = self._has_keys(_KEYS_SECONDS)
                if ready and not in_foreground(self.fileno):
                    # What is typed now is for the shell.
                    self.exit_event.wait(_KEYS_SECONDS)
                elif ready and self._has_keys(0.0):
                    # Checked twice: the shell may have read the first, `fg`, before it went back.
                    if not (keys := os.read(self.fileno, 4096)):
                        self._terminal.lost.set()
                        return
                    if text := decode(keys):
                        for event in parser.feed(text):
                            self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
        except OSError:
            self._terminal.lost.set()

    def _has_keys(self, seconds: float) -> bool:
        return bool(select.select([self.fileno], [], [], seconds)[0])

    def write(self, data: str) -> None:
        """Write, or drop the text while another program has the terminal."""
        if self._shown and not self._away and self._writer_thread is not None:
            super().write(data)

    def start_application_mode(self) -> None:
        """Enter application mode and save the window's title."""
        self._shown, self._suspended, self._away = True, False, False
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Textual reads the modes at each start, and after a SIGSTOP they are still Textual's.
        self._modes_at_start = self._modes_at_start or self.attrs_before
        self.attrs_before = self._modes_at_start
        signal.signal(signal.SIGWINCH, self._sigwinch)
        self._sigwinch()
        self.write(_KEEP_TITLE)

    def stop_application_mode(self) -> None:
        """Restore the screen, its modes and the window's title."""
        self._suspended = self._away = False
        if not self._shown:
            return
        if not in_foreground(self.fileno):
            # The shell has set its modes already, and setting them here would stop this process.
            self.attrs_before = None
        self.write(_RESTORE_TITLE + _USUAL_POINTER)
        super().stop_application_mode()
        self.write(_NO_MOUSE_PIXELS)
        self._in_band_window_resize = self._mouse_pixels = False
        self._shown = False

    def disable_input(self) -> None:
        """End the thread that reads keys."""
        if self._shown:
            # Dropping unread keys would stop a process in the background.
            before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            super().disable_input()
            signal.signal(signal.SIGTTOU, before)

    def suspend_application_mode(self) -> None:
        """Restore the terminal for a suspension."""
        self.stop_application_mode()
        self._end_writer()
        self._suspended = True

    def entitle(self, text: str) -> None:
        """Write the window's title."""
        self.write(f"\x1b]2;{terminal_safe(text)}\x07")

    def announce(self, text: str) -> None:
        """Ring the bell, and send a desktop notification if the terminal can (OSC 9)."""
        self.write(f"\x1b]9;{terminal_safe(text)}\x07\x07")

    def close(self) -> None:
        """End the watcher and the writer; after an error of the screen, restore the terminal."""
        self._closed.set()
        self.stop_application_mode()
        self._end_writer()

    def _end_writer(self) -> None:
        super().close()
        self._writer_thread = None

    # The handlers only schedule: they may interrupt the loop while it holds the writer's lock.

    def _sigtstp_application(self, *_signal_and_frame: object) -> None:
        self._schedule(self._suspend)

    def _sigcont_application(self, *_signal_and_frame: object) -> None:
        if not self._continuing:
            # Nothing is painted until the modes are set again.
            self._continuing = self._away = True
            self._schedule(self._continue)

    def _sigwinch(self, *_signal_and_frame: object) -> None:
        # Textual's handler, which its start sets, reads the size itself: if one interrupts
        # another, it posts the new size first, and the screen keeps the old one. This callback is
        # queued behind those messages, so it comes last, and reads the size there.
        if not self._in_band_window_resize:
            with suppress(RuntimeError):  # The loop has ended.
                asyncio.run_coroutine_threadsafe(self._post_size(), self._loop)

    async def _post_size(self) -> None:
        size = Size(*self._get_terminal_size())
        self._app.post_message(Resize(size, size))

    def _schedule(self, step: Any) -> None:
        with suppress(RuntimeError):  # The loop has ended, and the terminal is restored.
            self._loop.call_soon_threadsafe(step)

    def _suspend(self) -> None:
        """Restore the terminal and stop; continue at once if no shell could resume the process."""
        if not self._shown:
            return
        self.suspend_application_mode()
        self._continuing = True
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, handler)
        self._continue()

    def _continue(self) -> None:
        """Enter application mode again and repaint the whole screen."""
        self._continuing = False
        self._away = not in_foreground(self.fileno)
        if self._away or not (self._shown or self._suspended):
            return
        if self._shown:
            self.suspend_application_mode()
        self.resume_application_mode()
        self._app.post_message(TerminalReturned())

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            if self._terminal.lost.is_set() or not os.isatty(self.fileno):
                self._terminal.lost.set()
                self._app.post_message(TerminalLost())
                return
            if self._away and in_foreground(self.fileno):
                self._schedule(self._continue)
