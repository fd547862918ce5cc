"""Which columns of a list a person wants to see, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from tui_balancer.ui.widgets.columns import Column

RowT = TypeVar("RowT")


class ColumnLayout(Struct, frozen=True):
    """Columns by their titles; unknown ones count for nothing.

    Attributes:
        order: All columns there were when it was made, from the left; empty for the usual ones.
        hidden: Those that are not shown.
    """

    order: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def of(self, columns: Sequence[Column[RowT]]) -> list[tuple[Column[RowT], bool]]:
        """Return the columns in this order, each with whether it is shown.

        One that the layout does not know stands behind its usual neighbour.
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
