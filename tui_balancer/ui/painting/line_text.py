"""One line of text in tones."""

from __future__ import annotations

from textual.reactive import reactive

from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.styles import Line, fit


class LineText(Painted):
    """A line that changes often; cut if it is too long."""

    line: reactive[Line] = reactive(list, repaint=False)

    def watch_line(self) -> None:
        """Paint it."""
        self.repaint_changes()

    def draw(self, _y: int, width: int) -> Line:
        """Draw it."""
        return fit(self.line, width)
