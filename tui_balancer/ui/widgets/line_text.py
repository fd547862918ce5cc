"""One line in tones."""

from __future__ import annotations

from typing import ClassVar

from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui_balancer.ui.tones import TONE_CLASSES, Line, fit, to_strip


class LineText(Widget):
    """A line that changes often; cut where it is too long."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES

    line: reactive[Line] = reactive(list)

    def render_line(self, _y: int) -> Strip:
        """Draw it."""
        return to_strip(self, fit(self.line, self.size.width), self.rich_style)
