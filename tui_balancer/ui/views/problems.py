"""The third tab: failures and warnings by cause, and what to do."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_balancer.scheduler.commands import RetryUnits, SkipUnits
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog, field, heading, wrapped
from tui_balancer.ui.keymap import PROBLEMS, Key, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.problem_rows import FailedRow
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.problem_list import ProblemList
from tui_balancer.view.problems import FailureGroup, WarningGroup
from tui_balancer.view.why.files import explain_file


class ProblemsView(View):
    """The groups, and the full text of the one under the cursor."""

    NAME = "problems"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*PROBLEMS)

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.list = ProblemList(run_state.problems)
        self._words = Static(id="cause")

    def compose(self) -> ComposeResult:
        """Lay out the list and the text below."""
        yield self.list
        yield self._words

    @property
    def home(self) -> Widget:
        """The list."""
        return self.list

    def show(self, _picture: Picture) -> None:
        """Draw a picture."""
        self.list.show()
        self._tell()

    def offers(self, key: Key) -> bool:
        """Return whether a key applies: retry to failed files, skip to those that wait again."""
        row = self.list.cursor_row
        group = row.group if row is not None else None
        if key.action == "retry":
            return isinstance(group, FailureGroup)
        if key.action == "skip":
            return isinstance(group, FailureGroup) and bool(group.waiting)
        return row is not None

    @on(RowList.CursorMoved, "#problemlist")
    def _tell(self) -> None:
        row = self.list.cursor_row
        lines: list[Content] = []
        if isinstance(row, FailedRow):
            lines = [field("File", (row.place.file, "bold")), field("Why", row.place.what)]
        elif row is not None:
            lines = [field("What", (row.group.text, "bold"), f": {row.group.amount}")]
            if row.example is not None:
                lines.append(field("First", row.example.line))
        if row is not None:
            lines.append(field("Do", (row.group.advice, "$text-accent")))
        width = self._words.size.width or self.size.width
        self._words.update(
            Content("\n").join(part for line in lines for part in wrapped(line, width))
        )

    def action_details(self) -> None:
        """Fold or unfold the files of a cause; show details of a file or a warning."""
        row = self.list.cursor_row
        if isinstance(row, FailedRow):
            self.show_file(row.number, row.place.file)
        elif row is not None and isinstance(row.group, WarningGroup):
            group = row.group
            self.app.push_screen(DetailDialog("Warning", lambda: warning_page(group), group.text))
        elif row is not None:
            self.list.toggle_fold(row)

    def action_why(self) -> None:
        """Explain why the file under the cursor has no output."""
        row = self.list.cursor_row
        if isinstance(row, FailedRow):
            self.ask_why(partial(explain_file, number=row.number), row.place.file)
        else:
            self.notify("Select a failed file first: enter unfolds its cause.", title="No file")

    def action_retry(self) -> None:
        """Retry the failed files of a cause, or the one under the cursor."""
        row = self.list.cursor_row
        if isinstance(row, FailedRow):
            self.want(RetryUnits((row.number,)))
        elif row is not None and isinstance(row.group, FailureGroup) and row.group.files:
            self.want(RetryUnits(tuple(row.group.files)))
        else:
            self.notify("Select a cause of failures first.", title="Nothing to retry")

    def action_skip(self) -> None:
        """Skip the files of a cause that wait after a retry."""
        row = self.list.cursor_row
        if row is not None and isinstance(row.group, FailureGroup) and row.group.waiting:
            self.want(SkipUnits(tuple(row.group.waiting)))
        else:
            self.notify(
                "None of its files waits; failed files need no skip.",
                title="Nothing to skip",
            )

    @on(RowList.Chosen, "#problemlist")
    def _choose(self) -> None:
        self.action_details()


def warning_page(group: WarningGroup) -> list[Content]:
    """Return the lines of a warning, with all examples."""
    lines = [
        field("Warning", (group.text, "bold")),
        field("Count", group.amount),
        field("Do", (group.advice, "$text-accent")),
    ]
    if group.examples:
        lines += [Content(""), heading("Examples")]
        lines += [Content(f"  {place.line}") for place in group.examples]
    return lines
