"""A list whose columns the user can show, hide and reorder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from tui_balancer.ui.painting.column_layout import ColumnLayout
from tui_balancer.ui.painting.columns import Column, RowT
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.screen_memory import ScreenMemory


class ChosenColumns(RowList[RowT], Generic[RowT]):
    """Shows its columns in the user's layout.

    Attributes:
        kind: Key of the stored layout; lists of one kind share it.
        memory: Stores the layout.
    """

    kind = ""

    def __init__(
        self, columns: Sequence[Column[RowT]], *, heading: bool = True, id: str | None = None
    ) -> None:
        self.memory = ScreenMemory()
        self._offered = tuple(columns)
        shown = tuple(column for column, is_shown in ColumnLayout().of(columns) if is_shown)
        super().__init__(shown, heading=heading, id=id)

    def recall(self, memory: ScreenMemory) -> None:
        """Restore the stored layout."""
        self.memory = memory
        self.set_columns(self._offered)

    def set_columns(self, columns: Sequence[Column[RowT]]) -> None:
        """Set the available columns, and show those of the layout."""
        self._offered = tuple(columns)
        laid_out = self.memory.layout(self.kind).of(self._offered)
        super().set_columns([column for column, shown in laid_out if shown])

    def lay_out(self, layout: ColumnLayout) -> None:
        """Apply another layout and store it."""
        self.memory.keep_layout(self.kind, layout)
        self.set_columns(self._offered)

    @property
    def offered(self) -> tuple[Column[RowT], ...]:
        """All columns, in their default order."""
        return self._offered

    @property
    def crowded_out(self) -> frozenset[str]:
        """Titles of selected columns that do not fit."""
        fitting = {column.title for column, _ in self._arranged}
        return frozenset(one.title for one in self._columns if one.title not in fitting)
