"""The terminal: its modes, size and foreground process, as the operating system reports them."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from tui_balancer.process.stop_signals import GROUP_SIGNALS

_DUMB: Final = frozenset({"dumb", "unknown"})
"""Values of TERM for terminals that cannot move the cursor."""

_SIGNALS: Final = GROUP_SIGNALS | {
    *(signal.SIGCONT, signal.SIGWINCH, signal.SIGTTIN, signal.SIGTTOU)
}
"""Signals that the screen handles."""


def screen_obstacle() -> str | None:
    """Return why no full-screen app can be shown, or None if one can.

    The reason is empty without a terminal: a pipe, cron, a batch system. Textual reads
    stdin and paints on stderr.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    if (kind := os.environ.get("TERM", "")) in _DUMB:
        return f"TERM is {kind}"
    # The first read of the terminal stops a background job.
    return None if in_foreground(sys.stdin.fileno()) else "this is a background job"


def in_foreground(fileno: int) -> bool:
    """Whether the shell's job control lets this process use the terminal."""
    try:
        return os.tcgetpgrp(fileno) == os.getpgrp()
    except OSError:
        # Not the controlling terminal: it has no job control.
        return True


def terminal_size(fileno: int) -> tuple[int, int]:
    """Return columns and rows of the terminal.

    COLUMNS and LINES count only if the terminal does not know its size.
    """
    with suppress(OSError):
        columns, rows = os.get_terminal_size(fileno)
        if columns and rows:
            return columns, rows
    columns, rows = shutil.get_terminal_size()
    return columns, rows


@contextmanager
def kept_terminal() -> Iterator[None]:
    """Restore stdin's modes and the signal handlers on exit, also after an error."""
    terminal = sys.stdin.fileno()
    modes = termios.tcgetattr(terminal)
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        with suppress(termios.error):
            if in_foreground(terminal):
                termios.tcsetattr(terminal, termios.TCSANOW, modes)
