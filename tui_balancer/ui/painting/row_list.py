"""A list of rows in columns that stays fast with 100,000 rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Final, Generic

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView

from tui_balancer.ui import glyphs
from tui_balancer.ui.painting.columns import Column, RowT, arrange
from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.styles import Line, fit, plain

CURSOR_WIDTH: Final = 2
ROOMY: Final = 110


def gap(width: int) -> int:
    """Return the number of cells between the columns of a list of this width."""
    return 2 if width >= ROOMY else 1


@dataclass
class ListMessage(Message):
    """A message of a list."""

    row_list: RowList[Any]

    @property
    def control(self) -> RowList[Any]:
        """The list."""
        return self.row_list


class RowList(ScrollView, Painted, Generic[RowT], can_focus=True):
    """Rows with a cursor; only visible lines are drawn.

    The cursor stays on its row, found by `row_key`, when rows are added, removed or reordered;
    only lines whose text changed are repainted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--row",
        "row-list--cursor",
        "row-list--heading",
    }
    EMPTY: ClassVar[str] = ""
    """Text of a list without rows."""
    MARKS_WHEN_BLURRED: ClassVar[bool] = True
    """Whether the cursor is shown without the focus."""

    cursor: reactive[int] = reactive(0, repaint=False)
    """Index of the row under the cursor; 0 in an empty list."""

    class CursorMoved(ListMessage):
        """The cursor is on another row: the user moved it, or its row was removed."""

    class Chosen(ListMessage):
        """The row under the cursor was selected by enter or a double click."""

    @dataclass
    class HeadingClicked(ListMessage):
        """The heading of a sortable column was clicked."""

        key: str

    def __init__(
        self, columns: Sequence[Column[RowT]], *, heading: bool = True, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._heading = int(heading)
        self._rows: Sequence[RowT] = ()
        self._arranged: list[tuple[Column[RowT], int]] = []
        self._arranged_for = 0
        self._gap = 1

    def on_mount(self) -> None:
        """Set the size of an empty list."""
        self.virtual_size = Size(0, self._height)

    def set_columns(self, columns: Sequence[Column[RowT]]) -> None:
        """Set the columns."""
        if columns is not self._columns:
            self._columns = tuple(columns)
            self._arranged_for = 0
            self.repaint_changes()

    def row_key(self, row: RowT) -> Hashable:
        """Return a unique key of a row that does not depend on its content."""
        return row

    @property
    def rows(self) -> Sequence[RowT]:
        """The rows."""
        return self._rows

    @property
    def cursor_row(self) -> RowT | None:
        """The row under the cursor; None in an empty list."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    def set_rows(self, rows: Sequence[RowT], *, follow_top: bool = False) -> None:
        """Set the rows; the cursor stays on its row, or at its index if the row is gone.

        Args:
            rows: The new rows; kept, not copied.
            follow_top: Whether a cursor on the first row stays on top when rows are added
                above it, as in a list with the newest first.
        """
        old_row, old_index, old_height = self.cursor_row, self.cursor, self._height
        self._rows = rows
        if self._height != old_height:
            self.virtual_size = Size(0, self._height)
            self.refresh(layout=True)
        if old_row is not None and rows and not (follow_top and old_index == 0):
            index = self._find(old_row, old_index)
            if index != old_index:
                self.scroll_to(
                    y=self.scroll_offset.y + index - old_index, animate=False, force=True
                )
            self.set_reactive(RowList.cursor, index)
        if self._key_of(old_row) != self._key_of(self.cursor_row):
            self.post_message(self.CursorMoved(self))
        self.repaint_changes()

    def _key_of(self, row: RowT | None) -> Hashable:
        return None if row is None else self.row_key(row)

    def _find(self, row: RowT, near: int) -> int:
        """Return the new index of a row that was at `near`; the nearest index if it is gone."""
        key = self.row_key(row)
        # Queues shrink from the front, so a row is usually a little above its old index.
        near = min(near, len(self._rows) - 1)
        for index in chain(range(near, -1, -1), range(near + 1, len(self._rows))):
            if self.row_key(self._rows[index]) == key:
                return index
        return near

    @property
    def _height(self) -> int:
        return self._heading + max(1, len(self._rows))

    @property
    def rows_height(self) -> int:
        """Total lines, including title and headings."""
        return 1 + self._height

    def move_cursor(self, index: int) -> None:
        """Move the cursor to the nearest existing row, and scroll it into view."""
        self.cursor = max(0, min(index, len(self._rows) - 1))
        top, height = self.scroll_offset.y, max(1, self._page)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    def watch_cursor(self, old: int, new: int) -> None:
        """Repaint the old and the new row and post a message."""
        self.repaint_changes()
        if old != new:
            self.post_message(self.CursorMoved(self))

    @property
    def _page(self) -> int:
        return self.scrollable_content_region.height - self._heading

    def action_cursor(self, step: int) -> None:
        """Move the cursor by rows."""
        self.move_cursor(self.cursor + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by a page."""
        self.move_cursor(self.cursor + step * max(1, self._page - 1))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self.move_cursor(0)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self.move_cursor(len(self._rows) - 1)

    def action_choose(self) -> None:
        """Select the row under the cursor."""
        if self.cursor_row is not None:
            self.post_message(self.Chosen(self))

    def row_at(self, event: events.MouseEvent) -> int | None:
        """Return the index of the row under the mouse, or None outside the rows."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._heading:
            return None
        index = offset.y - self._heading + self.scroll_offset.y
        return index if index < len(self._rows) else None

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a second click selects it."""
        index = self.row_at(event)
        if index is None:
            key = self._heading_at(event)
            if key:
                self.post_message(self.HeadingClicked(self, key))
            return
        self.move_cursor(index)
        if event.chain == 2:
            self.action_choose()

    def _heading_at(self, event: events.MouseEvent) -> str:
        """Return the sort key of the heading under the mouse; empty if there is none."""
        offset = event.get_content_offset(self)
        if offset is None or not self._heading or offset.y != 0:
            return ""
        left = CURSOR_WIDTH
        for column, width in self._arranged:
            if left <= offset.x < left + width + self._gap:
                return column.key
            left += width + self._gap
        return ""

    def title_of(self, column: Column[RowT]) -> Line:
        """Return the heading of a column."""
        return [(column.title, "plain")]

    def row_text(self, row: RowT) -> str:
        """Return a row's cells as text, separated by tabs."""
        cells = (plain(column.cell(row, 200)).strip() for column in self._columns)
        return "\t".join(cell for cell in cells if cell)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Drop lines that were drawn for another layout."""
        self._fresh.clear()
        super().watch_scroll_y(old_value, new_value)

    def row_width(self, width: int) -> int:
        """Return the width of a row in cells: one less next to a scrollbar."""
        return width - self.show_vertical_scrollbar

    def _arrange(self, width: int) -> None:
        if width != self._arranged_for:
            self._arranged_for = width
            self._gap = gap(width)
            self._arranged = arrange(self._columns, width - CURSOR_WIDTH, self._gap)

    def draw(self, y: int, width: int) -> Line:
        """Draw the headings or a row."""
        self._arrange(self.row_width(width))
        if y < self._heading:
            titles = [fit(self.title_of(c), w, right=c.right) for c, w in self._arranged]
            return self._spaced(titles)
        index = y - self._heading + self.scroll_offset.y
        if index >= len(self._rows):
            return [(f"  {self.EMPTY}" if index == 0 else "", "dim")]
        row = self._rows[index]
        cells = [fit(c.cell(row, w), w, right=c.right) for c, w in self._arranged]
        marked = index == self.cursor and (self.has_focus or self.MARKS_WHEN_BLURRED)
        return self._spaced(cells, glyphs.CURSOR if marked else "")

    def _spaced(self, cells: list[Line], mark: str = "") -> Line:
        line: Line = [(f"{mark:<{CURSOR_WIDTH}}", "accent")]
        for position, cell in enumerate(cells):
            line += [(" " * self._gap, "plain"), *cell] if position else cell
        return line

    def ground(self, y: int, line: Line) -> str:
        """Highlight the headings and the row under the cursor."""
        if y < self._heading:
            return "row-list--heading"
        return f"row-list--{'cursor' if line[0][0].startswith(glyphs.CURSOR) else 'row'}"
