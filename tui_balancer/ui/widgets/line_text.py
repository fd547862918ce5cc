"""One line in tones."""

from __future__ import annotations

from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui_balancer.ui.tones import Line, fit, to_strip


class LineText(Widget):
    """A line that changes often; cut where it is too long."""

    line: reactive[Line] = reactive(list)

    def render_line(self, _y: int) -> Strip:
        """Draw it."""
        return to_strip(self, fit(self.line, self.size.width), self.rich_style)
