"""Lines that are handed out again while nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.containers import Container
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from typing_extensions import Self


class Kept(Widget):
    """Keeps the lines that the screen got last, frame and all.

    With every picture the screen asks all widgets between the first and the last line that
    changed for theirs, and Textual works out colours, frame and filters of each anew.
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
        """Have the widget painted, or regions of it."""
        self._kept = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Have the widget painted in other colours."""
        self._kept = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of a region, frame and all."""
        if self._kept is None or self._kept[0] != crop:
            self._kept = crop, self.lines_anew(crop)
        return self._kept[1]

    def lines_anew(self, crop: Region) -> list[Strip]:
        """Return the lines of a region as they are now."""
        return super().render_lines(crop)


class Pane(Container, Kept):
    """Where other widgets are laid out."""
