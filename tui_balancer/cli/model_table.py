"""The table of `models`: as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.table import Table

from tui_balancer.formatting import NONE, duration, estimate, quantity
from tui_balancer.run.lab.model_list import ListedModel

_GAP: Final = 2
"""Cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        heading: Its heading.
        cell: Makes the cell of a model.
        rank: Columns of the highest rank are the first to go where there is little room.
        number: Whether it is aligned to the right.
    """

    heading: str
    cell: Callable[[ListedModel], str]
    rank: int
    number: bool = True

    def width(self, models: Sequence[ListedModel]) -> int:
        """Return its width in cells, with the gap."""
        return max(len(self.heading), *(len(self.cell(one)) for one in models)) + _GAP


def _memory(model: ListedModel, precision: str) -> str:
    found = [one.bytes for one in model.memory if one.precision == precision]
    return f"~{found[0] / 2**30:.1f}" if found else NONE


def _time(model: ListedModel) -> str:
    return duration(model.seconds) if model.measured else estimate(model.seconds)


COLUMNS: Final = (
    Column("model", lambda one: one.name, 0, number=False),
    Column("family", lambda one: one.family, 10, number=False),
    Column("reads", lambda one: one.reads, 11, number=False),
    Column("params", lambda one: quantity(one.parameters), 3),
    Column("layers", lambda one: str(one.layers), 9),
    Column("width", lambda one: str(one.width), 4),
    Column("longest", lambda one: "any" if one.longest is None else str(one.longest), 5),
    Column("fp32 GiB", lambda one: _memory(one, "fp32"), 6),
    Column("bf16 GiB", lambda one: _memory(one, "bf16"), 8),
    Column("cached", lambda one: "yes" if one.cached else "no", 2, number=False),
    Column("time", _time, 1),
    Column("licence", lambda one: one.licence, 7, number=False),
)


def model_table(models: Sequence[ListedModel], width: int) -> tuple[Table, tuple[str, ...]]:
    """Return the table, and the headings of the columns that are left out.

    Args:
        models: A row each.
        width: Cells of the screen.
    """
    shown = list(COLUMNS)
    while len(shown) > 1 and sum(one.width(models) for one in shown) - _GAP > width:
        shown.remove(max(shown, key=lambda one: one.rank))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for one in shown:
        table.add_column(
            one.heading,
            justify="right" if one.number else "left",
            no_wrap=one.rank > 0,
            overflow="fold",
        )
    for model in models:
        table.add_row(*(one.cell(model) for one in shown))
    return table, tuple(one.heading for one in COLUMNS if one not in shown)


def legend(left_out: Sequence[str]) -> tuple[str, ...]:
    """Return the lines under the table."""
    lines = [
        "",
        "GiB: memory of a worker. time: of a million residues or bases, on all devices.",
        "~: estimated; without it measured by earlier runs or by bench.",
    ]
    if left_out:
        lines.append(f"No room for: {', '.join(left_out)}. A pipe and --json have them.")
    return tuple(lines)
