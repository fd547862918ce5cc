"""The end of a log file."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len
from textual.binding import Binding, BindingType

from tui_balancer.formatting import plural
from tui_balancer.ui.messages import LogPicture
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.log_tail import Level, LogLine
from tui_balancer.ui.styles import Line, Tone
from tui_balancer.ui.widgets.log_names import label_of

_TONES: Final[dict[Level, Tone]] = {
    Level.INFO: "plain",
    Level.WARNING: "fair",
    Level.ERROR: "bad",
}

LEVELS: Final = {
    Level.INFO: "all lines",
    Level.WARNING: "warnings and errors",
    Level.ERROR: "errors only",
}


class LogList(RowList[LogLine]):
    """The lines, newest at the bottom.

    Attributes:
        following: Whether the cursor stays on the newest line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "shift(-20)", "Left", show=False),
        Binding("right,l", "shift(20)", "Right", show=False),
    ]
    EMPTY = "this log is empty"
    MARKS_WHEN_BLURRED = False

    def __init__(self) -> None:
        self._log: LogPicture | None = None
        self._words: tuple[str, ...] = ()
        self._level = Level.INFO
        self._shift = 0
        self.following = True
        columns = (Column("", 20, self._text_cell, flexible=True),)
        super().__init__(columns, heading=False, id="lines")
        self.retitle("Log")

    def row_key(self, row: LogLine) -> int:
        """Identify a line by its number."""
        return row.number

    def row_text(self, row: LogLine) -> str:
        """Return the text of a line."""
        return row.text

    @property
    def name_shown(self) -> str:
        """Name of the log that is shown; empty before the first."""
        return self._log.name if self._log else ""

    def show(self, log: LogPicture | None) -> None:
        """Show the end of a log; None before one is read."""
        if log is None or log is self._log:
            return
        if self._log is None or log.name != self._log.name:
            self.following = True
        self._log = log
        self._choose()

    def filter(self, text: str) -> None:
        """Show only lines that contain all of these words."""
        self._words = tuple(text.lower().split())
        self._choose()

    def next_level(self) -> None:
        """Cycle through warnings and errors, errors only, all lines."""
        self._level = Level((self._level + 1) % len(Level))
        self._choose()

    def toggle_follow(self) -> None:
        """Follow the end, or stop following."""
        self.following = not self.following
        if self.following:
            self.action_last()
        self._tell()

    def action_cursor(self, step: int) -> None:
        """Move the cursor; moving up stops following."""
        super().action_cursor(step)
        self._look()

    def action_page(self, step: int) -> None:
        """Move the cursor by a page; moving up stops following."""
        super().action_page(step)
        self._look()

    def action_first(self) -> None:
        """Move the cursor to the first line."""
        super().action_first()
        self._look()

    def action_shift(self, cells: int) -> None:
        """Scroll long lines sideways."""
        longest = max((cell_len(line.text) for line in self.rows), default=0)
        self._shift = max(0, min(self._shift + cells, longest - self.size.width // 2))
        self.repaint_changes()

    def _look(self) -> None:
        self.following = self.cursor >= len(self.rows) - 1
        self._tell()

    def _choose(self) -> None:
        if self._log is None:
            return
        lines = [
            line
            for line in self._log.lines
            if line.level >= self._level
            and (not self._words or all(word in line.text.lower() for word in self._words))
        ]
        self.set_rows(lines)
        if self.following:
            self.action_last()
        self._tell()

    def _tell(self) -> None:
        name = label_of(self._log.name) if self._log else ""
        parts = [f"Log of {name}" if name else "Log", plural(len(self.rows), "line")]
        if self._level:
            parts.append(LEVELS[self._level])
        if self._words:
            parts.append(f"with “{' '.join(self._words)}”")
        parts.append("following" if self.following else "f follows")
        self.retitle(*parts)

    def _text_cell(self, row: LogLine, width: int) -> Line:
        return [(row.text[self._shift : self._shift + width], _TONES[row.level])]
