"""The list of failures and warnings by cause, with the files of unfolded causes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from tui_balancer.formatting import count, plural
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import cut, short_count, shorten
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.problem_rows import FailedRow, GroupRow, ProblemRow, ProblemRows
from tui_balancer.ui.styles import Line, Tone
from tui_balancer.view.problems import FailureGroup, Problems, Severity

_SHORT_NAME: Final = 16

SIGNS: Final[dict[Severity, tuple[str, Tone]]] = {
    Severity.FAILURE: (glyphs.FAILURE, "bad"),
    Severity.WARNING: (glyphs.WARNING, "fair"),
}


class ProblemList(RowList[ProblemRow]):
    """One row per group, failures first."""

    EMPTY = f"{glyphs.DONE} No problems: no file has failed, and there are no warnings."

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._shown = 0
        self._unfolded: set[Hashable] = set()
        columns = (
            Column[ProblemRow]("", 1, _sign_cell),
            Column[ProblemRow]("Count", 5, _count_cell, right=True),
            Column[ProblemRow]("What happened", 34, _cause_cell, flexible=True, most=72),
            Column[ProblemRow]("First example", 18, _example_cell, flexible=True),
            Column[ProblemRow]("What to do", 36, _advice_cell, flexible=True, rank=1, most=72),
        )
        super().__init__(columns, id="problemlist")
        self.retitle("Problems")

    def row_key(self, row: ProblemRow) -> Hashable:
        """Identify a group by its cause, a file by its number."""
        return row.key

    def show(self) -> None:
        """Show the current problems."""
        if self._problems.changes != self._shown:
            self._shown = self._problems.changes
            self._arrange_rows()

    def toggle_fold(self, row: GroupRow) -> None:
        """Fold or unfold the files of a group."""
        self._unfolded ^= {row.group.key}
        self._arrange_rows()

    def _arrange_rows(self) -> None:
        groups = self._problems.groups
        self.set_rows(ProblemRows(groups, self._unfolded))
        parts = [plural(len(groups), "cause")] if groups else []
        if failed := sum(group.count for group in groups if isinstance(group, FailureGroup)):
            parts.append(f"{plural(failed, 'file')} failed")
        self.retitle("Problems", *parts)


def _sign_cell(row: ProblemRow, _width: int) -> Line:
    return [SIGNS[row.group.severity]] if isinstance(row, GroupRow) else []


def _count_cell(row: ProblemRow, _width: int) -> Line:
    return [(short_count(row.count), "strong")] if isinstance(row, GroupRow) else []


def _cause_cell(row: ProblemRow, width: int) -> Line:
    if isinstance(row, FailedRow):
        return [(f"  {shorten(row.place.file, width - 2)}", "plain")]
    again = f" ({count(row.waiting)} wait again)" if row.waiting else ""
    mark = {None: "  ", True: f"{glyphs.UNFOLDED} ", False: f"{glyphs.FOLDED} "}[row.unfolded]
    room = width - len(mark) - len(again)
    return [(mark, "dim"), (cut(row.group.text, room), "plain"), (again, "dim")]


def _example_cell(row: ProblemRow, width: int) -> Line:
    if isinstance(row, FailedRow):
        return [(row.place.what, "dim")]
    if row.example is None:
        return []
    file = shorten(row.example.file, max(_SHORT_NAME, width // 2))
    return [(file, "plain"), (f" {row.example.what}", "dim")]


def _advice_cell(row: ProblemRow, _width: int) -> Line:
    return [(row.group.advice, "plain")] if isinstance(row, GroupRow) else []
