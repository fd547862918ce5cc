"""Lines in tones that are painted where they changed, and nowhere else."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui_balancer.ui.tones import Line, to_strip
from tui_balancer.ui.widgets.kept import Kept


class Painted(Kept):
    """Draws its content line by line.

    A picture comes four times a second and differs from the one before in a few numbers, so what
    a widget costs is what it does where nothing changed. `repaint_changes` draws every line that
    is in view and has those painted that are not what stands there; while a widget has none, the
    screen gets the lines that it got before, with their frame.
    """

    ALLOW_SELECT = False

    def __init__(self, *children: Widget, **options: Any) -> None:
        super().__init__(*children, **options)
        self._standing: dict[int, Line] = {}
        # What `repaint_changes` has drawn and `render_line` is about to be asked for.
        self._fresh: dict[int, Line] = {}
        self._fresh_width = 0

    @abstractmethod
    def draw(self, y: int, width: int) -> Line:
        """Return a line of the view, at most `width` cells long."""

    def ground(self, _y: int, _line: Line) -> str:
        """Return the component class that a line is painted over; empty for the widget's own."""
        return ""

    @property
    def room(self) -> Region:
        """Where content is drawn; a scrollbar that comes takes of it without a resize."""
        return self.scrollable_content_region

    def repaint_changes(self) -> None:
        """Paint the lines in view whose text is not what stands there."""
        room = self.room
        self._fresh_width = room.width
        self._fresh = {
            y: line
            for y in range(room.height)
            if self._standing.get(y) != (line := self.draw(y, room.width))
        }
        if self._fresh:
            # Whole lines, frame and all: of a part of one the terminal's codes are made anew.
            left = self.content_offset.x
            bar = self.show_vertical_scrollbar
            width = left + room.width if bar else self.outer_size.width
            self.refresh(*(Region(-left, y, width, 1) for y in self._fresh))

    def render_line(self, y: int) -> Strip:
        """Draw one line of the content."""
        width = self.room.width
        if width != self._fresh_width:
            self._fresh.clear()
        line = self._fresh.pop(y, None) or self.draw(y, width)
        self._standing[y] = line
        ground = self.ground(y, line)
        style = self.get_visual_style(*([ground] if ground else [])).rich_style
        return to_strip(self, line, style).adjust_cell_length(width, style)
