"""Caches a widget's rendered lines while nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.containers import Container
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from typing_extensions import Self


class Kept(Widget):
    """Keeps the last rendered lines, including the frame.

    For every picture the screen asks all widgets between the first and the last changed line for
    their lines, and Textual renders colours, frame and filters of each again.
    """

    def __init__(self, *children: Widget, **options: Any) -> None:
        super().__init__(*children, **options)
        self._kept: tuple[Region, list[Strip]] | None = None

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Repaint the widget, or regions of it."""
        self._kept = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Repaint the widget in other colours."""
        self._kept = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of a region, including the frame."""
        if self._kept is None or self._kept[0] != crop:
            self._kept = crop, self.rendered_lines(crop)
        return self._kept[1]

    def rendered_lines(self, crop: Region) -> list[Strip]:
        """Render the lines of a region."""
        return super().render_lines(crop)


class Pane(Container, Kept):
    """A container for other widgets."""
