"""Dialog to show, hide and reorder the columns of a list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_balancer.ui.dialogs.dialog import Choices, Dialog
from tui_balancer.ui.painting.column_layout import ColumnLayout
from tui_balancer.ui.painting.columns import Column


class ColumnsDialog(Dialog[ColumnLayout | None]):
    """A list of columns to check and move; the answer is the new layout.

    Args:
        columns: All columns, in their default order; those without a title are not listed.
        layout: The current layout.
        crowded_out: Returns the titles of the columns that do not fit now.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "show_or_hide", "Show or hide", show=False),
        Binding("shift+up,left_square_bracket", "move(-1)", "Left", show=False),
        Binding("shift+down,right_square_bracket", "move(1)", "Right", show=False),
        Binding("d", "use_default", "Default", show=False),
    ]

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        layout: ColumnLayout,
        crowded_out: Callable[[], Collection[str]],
    ) -> None:
        super().__init__()
        self._columns = [column for column in columns if column.title]
        self._crowded_out = crowded_out
        self._entries = layout.of(self._columns)
        self._offer = Choices(compact=True)

    def compose(self) -> ComposeResult:
        """List the columns, the leftmost at the top."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Columns"
            box.border_subtitle = "enter keeps · escape cancels"
            yield self._offer
            yield Static("space shows or hides · [ ] move · d default", markup=False)

    def on_mount(self) -> None:
        """Select the first column that can be hidden."""
        self._draw(min(1, len(self._entries) - 1))
        self._offer.focus()

    def on_resize(self) -> None:
        """Update which columns do not fit, once the list has its new size."""
        self.call_after_refresh(lambda: self._draw(self._offer.highlighted or 0))

    def _draw(self, place: int) -> None:
        self._offer.clear_options()
        self._offer.add_options(Option(Content(self._line(*entry))) for entry in self._entries)
        self._offer.highlighted = place

    def _line(self, column: Column[Any], shown: bool) -> str:
        note = ""
        if column.always:
            note = "always shown"
        elif shown and column.title in self._crowded_out():
            note = "no room now"
        return f"{'[x]' if shown else '[ ]'} {column.title:<14}{note}".rstrip()

    def action_show_or_hide(self) -> None:
        """Show or hide the column under the cursor."""
        place = self._offer.highlighted or 0
        column, shown = self._entries[place]
        self._entries[place] = column, column.always or not shown
        self._draw(place)

    def action_move(self, step: int) -> None:
        """Move the column under the cursor to the left or to the right."""
        place = self._offer.highlighted or 0
        there = max(0, min(place + step, len(self._entries) - 1))
        self._entries.insert(there, self._entries.pop(place))
        self._draw(there)

    def action_use_default(self) -> None:
        """Restore the default layout."""
        self._entries = ColumnLayout().of(self._columns)
        self._draw(self._offer.highlighted or 0)

    @on(OptionList.OptionSelected)
    def _keep(self) -> None:
        usual = ColumnLayout()
        if self._entries == usual.of(self._columns):
            self.dismiss(usual)
            return
        hidden = tuple(column.title for column, shown in self._entries if not shown)
        self.dismiss(ColumnLayout(tuple(column.title for column, _ in self._entries), hidden))
