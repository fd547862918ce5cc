"""Reads the ends of log files as they grow."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from tui_balancer.inputs.text import terminal_safe

KEPT_LINES: Final = 20_000
FIRST_BYTES: Final = 1 << 20
"""Bytes of a long log that are read when it is opened."""

LONGEST_LINE: Final = 2000

_LEVELS: Final = re.compile(
    r"\b(?:(DEBUG|INFO)|(WARN(?:ING)?|held)|(ERROR|CRITICAL|FATAL|Traceback|\w+Error(?=:)))\b"
    r"|^[\d :-]*(?:(warning)|(failed))\b"
)


class Level(IntEnum):
    """Severity of a line."""

    INFO = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log file.

    Attributes:
        number: Number among the lines read, from 0.
        level: Its own, or that of the line above if it has none and is indented.
        text: The text, without terminal control characters.
    """

    number: int
    level: Level
    text: str


def level_of(text: str, above: Level) -> Level:
    """Return the level of a line, given that of the line above."""
    found = _LEVELS.search(text)
    if found is None:
        return above if text[:1].isspace() else Level.INFO
    _, warn, error, warning, failed = found.groups()
    if error or failed:
        return Level.ERROR
    return Level.WARNING if warn or warning else Level.INFO


class LogTail:
    """The last lines of a log file; each read adds the new ones.

    Args:
        path: The file; a missing one counts as empty.

    Attributes:
        lines: The newest `KEPT_LINES` lines, oldest first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self._offset = 0
        self._rest = b""
        self._count = 0

    def read_on(self) -> bool:
        """Read new lines; return whether there are any."""
        try:
            size = self.path.stat().st_size
            if size == self._offset:
                return False
            if size < self._offset:
                self.lines.clear()
                self._offset, self._rest = 0, b""
            with self.path.open("rb") as file:
                if self._offset == 0 and size > FIRST_BYTES:
                    self._offset = size - FIRST_BYTES
                    file.seek(self._offset)
                    self._offset += len(file.readline())
                file.seek(self._offset)
                chunk = file.read(4 * FIRST_BYTES)
        except OSError:
            return False
        self._offset += len(chunk)
        for line in self._complete(chunk):
            above = self.lines[-1].level if self.lines else Level.INFO
            text = terminal_safe(line.decode(errors="replace").expandtabs(4), LONGEST_LINE)
            self.lines.append(LogLine(self._count, level_of(text, above), text))
            self._count += 1
        return True

    def _complete(self, chunk: bytes) -> Iterator[bytes]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return (line.rstrip(b"\r") for line in lines)


def log_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the log files in a folder, that of the run first."""
    names = sorted(path.stem for path in folder.glob("*.log")) if folder.is_dir() else []
    own = [name for name in ("run", "app") if name in names]
    return (*own, *(name for name in names if name not in own))
