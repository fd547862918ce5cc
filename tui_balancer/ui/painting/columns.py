"""The columns of a list, and which of them fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tui_balancer.ui.styles import Line

RowT = TypeVar("RowT")

SPARE_RANK: Final = 3
"""Columns of this rank and more give way so that names stay readable."""


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """One column of a list.

    Attributes:
        title: Unique heading; empty for a column that is always shown.
        width: Cells of its content; the minimum for a flexible column.
        cell: Draws a row's content in the given number of cells or fewer.
        right: Whether content and heading are right-aligned, as for numbers.
        rank: Columns of the highest rank are dropped first when space is short.
        flexible: Whether it shares the remaining space with other flexible columns.
        wanted: Cells of a flexible column for which columns from `SPARE_RANK` on are dropped.
        most: Maximum cells of a flexible column.
        key: Sort key of the column, if the list can be sorted by it.
        always: Whether it cannot be hidden.
        optional: Whether it is hidden by default.
    """

    title: str
    width: int
    cell: Callable[[RowT, int], Line]
    right: bool = False
    rank: int = 0
    flexible: bool = False
    wanted: int = 0
    most: int = 1000
    key: str = ""
    always: bool = False
    optional: bool = False


def arrange(
    columns: Sequence[Column[RowT]], width: int, gap: int
) -> list[tuple[Column[RowT], int]]:
    """Return the columns that fit into `width` cells, in order, each with its width."""
    shown = list(columns)
    needed = sum(column.width + gap for column in shown) - gap
    wanted = sum(max(0, column.wanted - column.width) for column in shown)
    while needed + wanted > width and len(shown) > 1:
        victim = max(reversed(shown), key=lambda column: column.rank)
        if needed <= width and victim.rank < SPARE_RANK:
            break
        shown.remove(victim)
        needed -= victim.width + gap
    spare = max(0, width - needed)
    widths = [column.width for column in shown]
    takers = [place for place, column in enumerate(shown) if column.flexible]
    # The column with the smallest maximum comes first, so that the others get the rest.
    takers.sort(key=lambda place: shown[place].most - widths[place])
    for left, place in zip(range(len(takers), 0, -1), takers, strict=True):
        taken = min(spare // left, max(0, shown[place].most - widths[place]))
        widths[place] += taken
        spare -= taken
    return list(zip(shown, widths, strict=True))
