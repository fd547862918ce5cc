"""A widget that repaints only the lines that changed."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui_balancer.ui import glyphs
from tui_balancer.ui.painting.kept import Kept
from tui_balancer.ui.styles import Line, to_strip

if TYPE_CHECKING:
    from typing_extensions import Self


class Painted(Kept):
    """Draws its content line by line.

    A picture arrives four times a second and differs from the previous one in a few numbers, so
    unchanged lines decide a widget's cost. `repaint_changes` draws every visible line and repaints
    those that differ; if none does, the screen gets the cached lines with their frame.
    """

    ALLOW_SELECT = False

    def __init__(self, *children: Widget, **options: Any) -> None:
        super().__init__(*children, **options)
        self._standing: dict[int, Line] = {}
        # Lines drawn by `repaint_changes`, which `render_line` returns next.
        self._fresh: dict[int, Line] = {}
        self._fresh_width = 0
        self._strips: dict[int, Strip] = {}
        self._strips_for = Region()
        self._title = ""

    @abstractmethod
    def draw(self, y: int, width: int) -> Line:
        """Return a line of the view, at most `width` cells long."""

    def retitle(self, *parts: str) -> None:
        """Set a title of several parts in the frame; a new one paints the whole widget."""
        title = f" {f' {glyphs.DOT} '.join(parts)} "
        if title != self._title:
            self._title = title
            self.border_title = Content(title)

    def ground(self, _y: int, _line: Line) -> str:
        """Return the component class of a line's base style; empty for the widget's own."""
        return ""

    @property
    def room(self) -> Region:
        """The content region; a scrollbar may reduce it without a resize."""
        return self.scrollable_content_region

    def repaint_changes(self) -> None:
        """Repaint the visible lines whose text has changed."""
        room = self.room
        self._fresh_width = room.width
        self._fresh = {
            y: line
            for y in range(room.height)
            if self._standing.get(y) != (line := self.draw(y, room.width))
        }
        if self._fresh:
            # Whole lines with the frame: for a part of a line the terminal codes are made again.
            left = self.content_offset.x
            bar = self.show_vertical_scrollbar
            width = left + room.width if bar else self.outer_size.width
            self.refresh(*(Region(-left, y, width, 1) for y in self._fresh))

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Repaint the widget, or lines of it."""
        if not regions:
            self._strips.clear()
        for region in regions:
            for y in region.line_range:
                self._strips.pop(y, None)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Repaint the widget in other colours."""
        self._strips.clear()
        super().notify_style_update()

    def rendered_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of a region; content lines skip most of Textual's rendering.

        They have only padding at their sides, which Textual would compute for each line again.
        """
        if crop != self._strips_for:
            self._strips.clear()
            self._strips_for = crop
        region, room = self.region, self.room
        if crop.size != region.size:
            return super().rendered_lines(crop)
        top, left = room.y - region.y, room.x - region.x
        return [
            self._content_line(y - top, left, crop.width)
            if top <= y < top + room.height
            else super(Painted, self).rendered_lines(Region(0, y, crop.width, 1))[0]
            for y in crop.line_range
        ]

    def _content_line(self, y: int, left: int, width: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            style = self.get_visual_style().rich_style.background_style
            content = self.render_line(y)
            right = width - left - content.cell_length
            sides = (Segment(" " * cells, style) for cells in (left, right))
            before, after = ([side] if side.text else [] for side in sides)
            strip = Strip([*before, *content, *after], width)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, self.background_colors[1])
            self._strips[y] = strip
        return strip

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
