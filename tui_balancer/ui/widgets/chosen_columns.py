"""A list whose columns a person shows, hides and reorders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from tui_balancer.ui.screen_memory import ScreenMemory
from tui_balancer.ui.widgets.column_layout import ColumnLayout
from tui_balancer.ui.widgets.columns import Column, RowT
from tui_balancer.ui.widgets.row_list import RowList


class ChosenColumns(RowList[RowT], Generic[RowT]):
    """Shows its columns as a person has laid them out.

    Attributes:
        kind: What the layout is kept under; lists of one kind share it.
        memory: Keeps the layout.
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
        """Take over what a person chose before."""
        self.memory = memory
        self.set_columns(self._offered)

    def set_columns(self, columns: Sequence[Column[RowT]]) -> None:
        """Offer these columns, and show those that a person wants to see."""
        self._offered = tuple(columns)
        laid_out = self.memory.layout(self.kind).of(self._offered)
        super().set_columns([column for column, shown in laid_out if shown])

    def lay_out(self, layout: ColumnLayout) -> None:
        """Show the columns in another way, and keep that."""
        self.memory.keep_layout(self.kind, layout)
        self.set_columns(self._offered)

    @property
    def offered(self) -> tuple[Column[RowT], ...]:
        """All columns, in their usual order."""
        return self._offered

    @property
    def crowded_out(self) -> frozenset[str]:
        """Titles of the columns that are to be shown, and find no room."""
        fitting = {column.title for column, _ in self._arranged}
        return frozenset(one.title for one in self._columns if one.title not in fitting)
