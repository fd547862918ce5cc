"""What a list shows of a row, column by column, and which columns find room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tui_balancer.ui.styles import Line

RowT = TypeVar("RowT")

SPARE_RANK: Final = 3
"""Columns of this rank and more are good to have, but not for names that nobody can read."""


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """One column of a list.

    Attributes:
        title: Its heading, of which a list has each once; empty for one that is always there.
        width: Cells of its content; the least that is useful for a flexible column.
        cell: Draws a row's content in the given number of cells or fewer.
        right: Whether content and heading stand at the right, as numbers do.
        rank: Columns of the highest rank are the first to go where there is little room.
        flexible: Whether it takes room that is left, shared among such columns.
        wanted: Cells of a flexible column for which columns of `SPARE_RANK` and more give way.
        most: Cells beyond which a flexible column does not grow.
        key: What the list may be sorted by, where this column can be.
        always: Whether a person cannot hide it.
        optional: Whether it is shown only if a person asks for it.
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
    """Return the columns that fit into `width` cells, each with its width, in their order."""
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
    # Who may take least comes first, so that what it leaves goes to the others.
    takers.sort(key=lambda place: shown[place].most - widths[place])
    for left, place in zip(range(len(takers), 0, -1), takers, strict=True):
        taken = min(spare // left, max(0, shown[place].most - widths[place]))
        widths[place] += taken
        spare -= taken
    return list(zip(shown, widths, strict=True))
