"""A pseudo-terminal with a program in it, and an emulator that knows what its screen shows."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyte

PATIENCE_SECONDS = 200.0
"""How long a screen may take to show what is waited for; far more than it does."""

LEAVE_SCREEN = "\x1b[?1049l"
"""Back from the alternate screen to the shell's."""


class Terminal:
    """A terminal of 80×24 that runs one program, until `close`.

    Args:
        command: What is run.
        environment: Added to this process's.
        controlling: Whether it is the program's controlling terminal, as in a login; without,
            its loss sends no SIGHUP, as under `nohup`.

    Attributes:
        process: The program.
        text: All that it has written.
        modes_before: The terminal's modes when the program began.
        emulated: Whether `shown` keeps up with what is written; where time is measured it is
            better not to.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        controlling: bool = True,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes_before = self.modes()
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.text = ""
        self.emulated = True

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            start_new_session=True,
            preexec_fn=take_terminal if controlling else None,
        )
        os.close(slave)

    def modes(self) -> list[Any]:
        """Return echo, line editing and the like, as termios has them."""
        return termios.tcgetattr(self._master)

    def shown(self) -> str:
        """Return the lines of the screen."""
        # pyte's own `display` fails on half of a wide character, at the edge of a narrow window.
        columns, buffer = range(self._screen.columns), self._screen.buffer
        rows = (buffer[row] for row in range(self._screen.lines))
        return "\n".join("".join(row[column].data for column in columns) for row in rows)

    def wait_for(self, *words: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the screen shows all of this."""
        self._read_until(lambda: all(word in self.shown() for word in words), seconds)

    def press(self, keys: str | bytes) -> None:
        """Type, as a person does; bytes go through as they are."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size; what it shows is drawn again from nothing."""
        self._screen.resize(rows, columns)
        self._screen.reset()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for_text(self, words: str) -> None:
        """Wait until this was written, on whichever screen."""
        self._read_until(lambda: words in self.text)

    def wait_until(self, satisfied: Callable[[], bool]) -> None:
        """Wait until that is so, looking whenever something was written."""
        self._read_until(satisfied)

    def read_for(self, seconds: float) -> None:
        """Keep the terminal flowing for some time."""
        deadline = time.monotonic() + seconds
        with suppress(AssertionError):
            self._read_until(lambda: time.monotonic() >= deadline, seconds)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for the program's end and return its exit code."""
        if self._master >= 0:
            with suppress(EOFError):
                self._read_until(lambda: False, seconds)
        return self.process.wait(seconds)

    def text_after_leaving(self) -> str:
        """Return what was written after the alternate screen was left for good."""
        return self.text.rpartition(LEAVE_SCREEN)[2]

    def close(self) -> None:
        """Pull the plug: what the window manager or a broken ssh does."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _read_until(self, satisfied: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Keep the terminal flowing until that is so.

        Raises:
            EOFError: The program let go of the terminal before.
        """
        deadline = time.monotonic() + seconds
        while not satisfied():
            left = deadline - time.monotonic()
            assert left > 0, f"waited in vain; the screen shows\n{self.shown()}"
            if select.select([self._master], [], [], left)[0]:
                try:
                    written = self._decoder.decode(os.read(self._master, 65536))
                except OSError as gone:
                    raise EOFError(f"the program ended, having written\n{self.text}") from gone
                self.text += written
                if self.emulated:
                    self._stream.feed(written)


OpenTerminal = Callable[..., Terminal]
"""What the fixture `open_terminal` is: takes what `Terminal` takes."""
