"""The second tab: every file, and what a person may do with those that wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from tui_balancer.formatting import estimate, plural
from tui_balancer.scheduler.commands import (
    Command,
    MoveUnits,
    ReorderUnits,
    RetryUnits,
    SkipUnits,
    SplitUnit,
)
from tui_balancer.scheduler.model import Unit
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.file_dialog import file_dialog
from tui_balancer.ui.dialogs.move_dialog import MoveDialog
from tui_balancer.ui.keymap import QUEUES, Key, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.state.file_filter import FileFilter, filter_text, parse_filter
from tui_balancer.ui.state.file_rows import FileRow
from tui_balancer.ui.state.file_table import FileState
from tui_balancer.ui.state.forecast import CLOSED, end_after
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.file_columns import WITHOUT_OUTPUT
from tui_balancer.ui.widgets.file_list import FileList
from tui_balancer.ui.widgets.filter_bar import FilterBar
from tui_balancer.ui.widgets.kept import Pane
from tui_balancer.ui.widgets.line_text import LineText
from tui_balancer.ui.widgets.row_list import RowList
from tui_balancer.ui.widgets.scope_list import ScopeList
from tui_balancer.view.why.devices import explain_device
from tui_balancer.view.why.files import explain_file

_WAITING_ONLY = frozenset(("move", "make_first", "make_last", "skip"))


class QueuesView(View):
    """Which files at the left, the files at the right."""

    class Offered(Message):
        """Other keys have something to act on now."""

    NAME = "queues"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*QUEUES)

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.scopes = ScopeList()
        self.files = FileList()
        self._note = LineText(classes="filter-note")
        self.filter_bar = FilterBar(hint="states, devices, words", note=self._note)
        self._filter = FileFilter()
        self._devices: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """Scopes, files, and the filter under them."""
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
    def hungry(self) -> bool:
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
        """Show a part of the files: `all`, a state, a device."""
        self.scopes.select(label)
        self._show_part()
        self.files.focus()

    def settle(self, unit_ids: Sequence[int], *, stay: bool) -> None:
        """Take the tags of files away that something was done with.

        Args:
            unit_ids: The files.
            stay: Whether the cursor stays where it is when they go elsewhere.
        """
        self.files.drop_tags(unit_ids)
        self.files.leave(unit_ids if stay else ())

    def offers(self, key: Key) -> bool:
        """Offer what can be done with files in the state that is looked at."""
        choice = self.files.choice
        states = set(choice.states)
        if key.action == "show_all":
            return bool(choice.words or choice.devices or states)
        if key.action == "retry":
            return not states.isdisjoint(WITHOUT_OUTPUT)
        return key.action not in _WAITING_ONLY or not states or FileState.WAITING in states

    def action_tag(self) -> None:
        """Tag or untag the file under the cursor."""
        self.files.focus()
        self.files.toggle_tag()

    def action_tag_shown(self) -> None:
        """Tag all waiting files that are shown."""
        self.files.tag_shown()

    def action_clear_tags(self) -> None:
        """Take all tags away."""
        self.files.clear_tags()

    def action_filter(self) -> None:
        """Type states, devices, and the words that names must have."""
        self.filter_bar.ask()

    def action_show_all(self) -> None:
        """Show the files of all queues and states, whatever their names."""
        self.filter_bar.action_give_up()
        self._filter = FileFilter()
        self.show_scope("all")

    def action_sort(self) -> None:
        """Sort by the next column."""
        self.files.sort_next()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.files.reverse()

    def action_details(self) -> None:
        """Show all about the file under the cursor."""
        row = self.files.cursor_row
        if row is not None:
            self.app.push_screen(file_dialog(self.run_state, row.unit.unit_id, row.unit.name))

    def action_why(self) -> None:
        """Explain the file under the cursor, or the device whose queue is chosen."""
        row, scope = self.files.cursor_row, self.scopes.cursor_row
        if self.scopes.has_focus and scope is not None and scope.device is not None:
            self.ask_why(partial(explain_device, device=scope.device), scope.device)
        elif row is not None:
            self.ask_why(partial(explain_file, number=row.unit.unit_id), row.unit.name)

    def action_move(self) -> None:
        """Ask where the tagged files go, or the one under the cursor."""
        row = self.files.cursor_row
        if row is not None and row.state is FileState.RUNNING and not self.files.tagged:
            self._share(row)
            return
        units, snapshot = self.files.acted_on(FileState.WAITING), self.run_state.snapshot
        costs = self._costs(units)
        if not costs or snapshot is None:
            what = f"{units[0].name} is not waiting." if units else "Select a waiting file first."
            self.notify(what, title="Nothing to move", markup=False)
            return

        def answered(device: str | None) -> None:
            if device is not None:
                self.want(MoveUnits(_numbers(units), device))

        self.app.push_screen(MoveDialog(units, snapshot.devices, costs), answered)

    def _share(self, row: FileRow) -> None:
        """Ask which device is to take a part of a running file."""

        def answered(device: str | None) -> None:
            if device is not None:
                self.want(SplitUnit(row.unit.unit_id, device))

        devices = self.run_state.snapshot.devices if self.run_state.snapshot else ()
        half = {row.device: row.unit.cost / 2}
        self.app.push_screen(MoveDialog((row.unit,), devices, half, share=True), answered)

    def action_make_first(self) -> None:
        """Let the tagged files, or this one, be the next in their queues."""
        self._act(lambda numbers: ReorderUnits(numbers, first=True), FileState.WAITING)

    def action_make_last(self) -> None:
        """Let the tagged files, or this one, be the last in their queues."""
        self._act(lambda numbers: ReorderUnits(numbers, first=False), FileState.WAITING)

    def action_skip(self) -> None:
        """Leave the tagged files out, or this one."""
        self._act(SkipUnits, FileState.WAITING)

    def action_retry(self) -> None:
        """Try the failed or skipped files again that are tagged, or this one."""
        self._act(RetryUnits, *WITHOUT_OUTPUT)

    def _act(self, command: Callable[[tuple[int, ...]], Command], *states: FileState) -> None:
        units = self.files.acted_on(*states)
        if units:
            self.want(command(_numbers(units)))
        else:
            self.notify("Select such a file first.", title="Nothing to do")

    def _costs(self, units: Sequence[Unit]) -> dict[str, float]:
        """Return the FLOPs of these units by the device for which they wait."""
        costs: dict[str, float] = {}
        for unit in units:
            row = self.files.row_of(unit.unit_id)
            if row is not None and row.state is FileState.WAITING:
                costs[row.device] = costs.get(row.device, 0.0) + unit.cost
        return costs

    @on(RowList.CursorMoved, "#scopes")
    def _choose_scope(self) -> None:
        # The cursor is also moved to where a filter leads.
        if self.scopes.cursor_row is not self.scopes.scope_of(self.files.choice):
            self._show_part()

    def _show_part(self) -> None:
        """Show the part under the cursor; of the filter its words stay."""
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
        """Show the files that a filter leaves, and the part that they belong to."""
        before, self._filter = self._filter, parse_filter(text, self._devices)
        if before != self._filter:
            self.files.choose(self.files.choice.narrowed(before, self._filter))
            self.scopes.follow(self.files.choice)

    def _tell(self) -> None:
        """Say what of the filter is understood, and how many files it leaves."""
        understood = self.files.choice.parts(loose=self.files.loose)
        found = plural(len(self.files.rows), "file")
        self._note.line = [(f" {glyphs.DOT} ".join((found, *understood)), "plain")]

    @on(FilterBar.Left)
    def _leave_filter(self) -> None:
        self.files.focus()

    @on(FileList.Dragged)
    def _drag(self, event: FileList.Dragged) -> None:
        target = self._target(event) if self.steerable else None
        units = self._carried(event.row)
        if event.dropped:
            self.files.say("")
            if target is not None and units:
                self.want(MoveUnits(_numbers(units), target))
        elif target is None:
            self.files.say("Drop the file on a device")
        else:
            self.files.say(self._forecast(units, target))

    def _target(self, event: FileList.Dragged) -> str | None:
        """Return the device that a file is held over."""
        if not self.scopes.region.contains(event.x, event.y):
            return None
        scope = self.scopes.scope_on_line(event.y)
        metrics = self.run_state.device(scope.device) if scope is not None else None
        return None if metrics is None or metrics.state in CLOSED else metrics.device

    def _carried(self, row: FileRow) -> tuple[Unit, ...]:
        if row.unit.unit_id in self.files.tagged:
            return self.files.acted_on(FileState.WAITING)
        return (row.unit,) if row.state is FileState.WAITING else ()

    def _forecast(self, units: Sequence[Unit], target: str) -> str:
        metrics = self.run_state.device(target)
        cost = sum(unit.cost for unit in units)
        ends = end_after(metrics, cost) if metrics is not None else None
        what = plural(len(units), "file")
        return f"{what} {glyphs.ARROW} {target}: it ends in {estimate(ends)} then"


def _numbers(units: Sequence[Unit]) -> tuple[int, ...]:
    return tuple(unit.unit_id for unit in units)
