"""The second tab: all files, and actions on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from tui_balancer.formatting import estimate, plural
from tui_balancer.scheduler.commands import MoveUnits
from tui_balancer.ui import glyphs
from tui_balancer.ui.keymap import QUEUES, Key, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.painting.kept import Pane
from tui_balancer.ui.painting.line_text import LineText
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.file_filter import FileFilter, filter_text, parse_filter
from tui_balancer.ui.state.file_rows import FileRow, Numbers
from tui_balancer.ui.state.file_table import FileState
from tui_balancer.ui.state.forecast import CLOSED, end_after
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.views.file_actions import FileActions
from tui_balancer.ui.widgets.file_list import FileList
from tui_balancer.ui.widgets.filter_bar import FilterBar
from tui_balancer.ui.widgets.scope_list import ScopeList
from tui_balancer.view.why.devices import explain_device
from tui_balancer.view.why.files import explain_file


class QueuesView(FileActions):
    """Scopes at the left, files at the right."""

    NAME = "queues"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*QUEUES)

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.scopes = ScopeList()
        self._note = LineText(classes="filter-note")
        self.filter_bar = FilterBar(hint="states, devices, words", note=self._note)
        self._filter = FileFilter()
        self._devices: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out scopes, files, and the filter below."""
        yield self.scopes
        with Pane(classes="main"):
            yield self.files
            with Pane(classes="filter-line"):
                yield self.filter_bar
                yield self._note

    @property
    def home(self) -> Widget:
        """The files."""
        return self.files

    @property
    def device(self) -> str | None:
        """The device whose queue is shown."""
        devices = self.files.choice.devices
        return devices[0] if len(devices) == 1 else None

    @property
    def filtered(self) -> bool:
        """See `FileActions.filtered`."""
        return self._filter != FileFilter()

    @property
    def needs_picture(self) -> bool:
        """Whether the files are not known yet."""
        return self.files.table is None

    def show(self, picture: Picture) -> None:
        """Draw a picture."""
        devices = tuple(one.device for one in picture.snapshot.devices)
        self.scopes.show(picture.snapshot)
        self.files.show(picture.files)
        if devices != self._devices:
            self._devices = devices
            self._narrow(self.filter_bar.value)
        self._tell()

    def show_scope(self, label: str) -> None:
        """Show a scope: `all`, a state or a device."""
        self.scopes.select(label)
        self._show_part()
        self.files.focus()

    def settle(self, unit_ids: Sequence[int], *, stay: bool) -> None:
        """Clear the tags of files after a command.

        Args:
            unit_ids: The files.
            stay: Whether the cursor keeps its position when they move away.
        """
        self.files.drop_tags(unit_ids)
        self.files.leave(unit_ids if stay else ())

    def offers(self, key: Key) -> bool:
        """Return whether a key applies to files in the current scope."""
        choice = self.files.choice
        if key.action == "show_all":
            return bool(choice.words or choice.devices or choice.states)
        return super().offers(key)

    def action_filter(self) -> None:
        """Filter by states, devices and words of names."""
        self.filter_bar.ask()

    def action_show_all(self) -> None:
        """Clear the filter: show all files."""
        self.filter_bar.action_give_up()
        self._filter = FileFilter()
        self.show_scope("all")

    def action_sort(self) -> None:
        """Sort by the next column."""
        self.files.sort_next()

    def action_reverse(self) -> None:
        """Reverse the sort order."""
        self.files.reverse()

    def action_columns(self) -> None:
        """Choose the columns of the files."""
        self.choose_columns(self.files)

    def action_details(self) -> None:
        """Show details of the file under the cursor."""
        row = self.files.cursor_row
        if row is not None:
            self.show_file(row.unit.unit_id, row.unit.name)

    def action_why(self) -> None:
        """Explain the file under the cursor, or the device of the selected queue."""
        row, scope = self.files.cursor_row, self.scopes.cursor_row
        if self.scopes.has_focus and scope is not None and scope.device is not None:
            self.ask_why(partial(explain_device, device=scope.device), scope.device)
        elif row is not None:
            self.ask_why(partial(explain_file, number=row.unit.unit_id), row.unit.name)

    @on(RowList.CursorMoved, "#scopes")
    def _choose_scope(self) -> None:
        # A filter moves the cursor too.
        if self.scopes.cursor_row is not self.scopes.scope_of(self.files.choice):
            self._show_part()

    def _show_part(self) -> None:
        """Show the scope under the cursor; keep the words of the filter."""
        scope = self.scopes.cursor_row
        if scope is None:
            return
        self._filter = FileFilter(words=self._filter.words)
        self.filter_bar.put(filter_text(self._filter.words, self._devices))
        choice = replace(self.files.choice, words=self._filter.words)
        self.files.choose(replace(choice, states=scope.states, devices=scope.devices))
        self._tell()
        self.post_message(self.Offered())

    @on(RowList.Chosen, "#scopes")
    def _enter_files(self) -> None:
        self.files.focus()

    @on(RowList.Chosen, "#files")
    def _choose_file(self) -> None:
        self.action_details()

    @on(RowList.HeadingClicked, "#files")
    def _sort_by(self, event: RowList.HeadingClicked) -> None:
        self.files.sort_by(event.key)

    @on(FilterBar.Narrowed)
    def _filter_typed(self, event: FilterBar.Narrowed) -> None:
        self._narrow(event.text)
        self._tell()
        self.post_message(self.Offered())

    def _narrow(self, text: str) -> None:
        """Show the filtered files and select their scope."""
        before, self._filter = self._filter, parse_filter(text, self._devices)
        if before != self._filter:
            self.files.choose(self.files.choice.narrowed(before, self._filter))
            self.scopes.follow(self.files.choice)

    def _tell(self) -> None:
        """Show how the filter is understood and how many files match."""
        understood = self.files.choice.parts(loose=self.files.loose)
        found = plural(len(self.files.rows), "file")
        self._note.line = [(f" {glyphs.DOT} ".join((found, *understood)), "plain")]

    @on(FilterBar.Left)
    def _leave_filter(self) -> None:
        self.files.focus()

    @on(FileList.Dragged)
    def _drag(self, event: FileList.Dragged) -> None:
        target = self._target(event) if self.steerable else None
        carried = self._carried(event.row)
        if event.dropped:
            self.files.say("")
            if target is not None and len(carried):
                self.want(MoveUnits(tuple(carried.tolist()), target))
        elif target is None:
            self.files.say("Drop the file on a device")
        else:
            self.files.say(self._forecast(carried, target))

    def _target(self, event: FileList.Dragged) -> str | None:
        """Return the device under a dragged file."""
        if not self.scopes.region.contains(event.x, event.y):
            return None
        scope = self.scopes.scope_on_line(event.y)
        metrics = self.run_state.device(scope.device) if scope is not None else None
        return None if metrics is None or metrics.state in CLOSED else metrics.device

    def _carried(self, row: FileRow) -> Numbers:
        """Return the waiting files to move with a dragged one: all tagged files if it is tagged."""
        if row.unit.unit_id in self.files.tagged:
            return self.targets("move").numbers
        return np.array([row.unit.unit_id] if row.state is FileState.WAITING else [], np.intp)

    def _forecast(self, carried: Numbers, target: str) -> str:
        metrics = self.run_state.device(target)
        cost = sum(self.files.costs(carried).values())
        ends = end_after(metrics, cost) if metrics is not None else None
        what = plural(len(carried), "file")
        return f"{what} {glyphs.ARROW} {target}: it ends in {estimate(ends)} then"
