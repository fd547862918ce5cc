"""The user's choice and order of a list's columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from tui_balancer.ui.painting.columns import Column

RowT = TypeVar("RowT")


class ColumnLayout(Struct, frozen=True):
    """Columns by title; unknown titles are ignored.

    Attributes:
        order: All columns when the layout was made, from the left; empty for the default order.
        hidden: Hidden columns.
    """

    order: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def of(self, columns: Sequence[Column[RowT]]) -> list[tuple[Column[RowT], bool]]:
        """Return the columns in this order, each with whether it is shown.

        A column that is not in the layout follows its default neighbour.
        """
        places = {title: place for place, title in enumerate(self.order)}
        known = sorted(
            (one for one in columns if one.title in places), key=lambda one: places[one.title]
        )
        for place, column in enumerate(columns):
            if column.title not in places:
                neighbour = known.index(columns[place - 1]) + 1 if place else 0
                known.insert(neighbour, column)
        return [(column, self._shows(column)) for column in known]

    def _shows(self, column: Column[RowT]) -> bool:
        if column.always:
            return True
        if column.title in self.order:
            return column.title not in self.hidden
        return not column.optional
