"""Actions on files: tag, move, reorder, skip and retry one or many."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from textual import on
from textual.message import Message

from tui_balancer.formatting import count
from tui_balancer.scheduler.commands import (
    Command,
    MoveUnits,
    ReorderUnits,
    RetryUnits,
    SkipUnits,
    SplitUnit,
)
from tui_balancer.ui.dialogs.confirm_dialog import ConfirmDialog
from tui_balancer.ui.dialogs.move_dialog import MoveDialog
from tui_balancer.ui.keymap import Key
from tui_balancer.ui.state.file_rows import FileRow
from tui_balancer.ui.state.file_table import WITHOUT_OUTPUT, FileState
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.state.targets import Reach, Targets
from tui_balancer.ui.views.view import View
from tui_balancer.ui.widgets.file_list import FileList

_WAITING: Final = (FileState.WAITING,)

_APPLIES: Final[dict[str, tuple[FileState, ...]]] = {
    **dict.fromkeys(("move", "make_first", "make_last", "skip"), _WAITING),
    "retry": WITHOUT_OUTPUT,
}
"""States of the files that each action applies to."""


class FileActions(View):
    """A tab with files: keys act on tagged files, filtered files, or the one under the cursor.

    Attributes:
        files: The list of files.
    """

    class Offered(Message):
        """The set of files that keys act on has changed."""

    def __init__(self, run_state: ScreenState) -> None:
        super().__init__(run_state)
        self.files = FileList()

    @property
    @abstractmethod
    def filtered(self) -> bool:
        """Whether a filter is active: keys then act on all filtered files if none is tagged."""

    def targets(self, action: str) -> Targets:
        """Return the files that an action changes."""
        return self.files.targets(_APPLIES[action], shown=self.filtered)

    def offers(self, key: Key) -> bool:
        """Return whether a key applies to the selected files."""
        if key.action not in _APPLIES:
            return True
        targets, states = self.targets(key.action), set(self.files.choice.states)
        if targets.reach is not Reach.CURSOR:
            return len(targets) > 0
        if key.action == "retry":
            return not states.isdisjoint(WITHOUT_OUTPUT)
        return not states or FileState.WAITING in states

    def shown_key(self, key: Key) -> Key:
        """Add the number of files to a key's label, unless it is the one under the cursor."""
        note = self.targets(key.action).note if key.action in _APPLIES else ""
        if not note:
            return key
        # A key that changes many files takes precedence in the footer.
        return replace(key, label=f"{key.label} {note}", rank=max(1, key.rank - 5))

    @on(FileList.Retagged)
    def _offer(self) -> None:
        self.post_message(self.Offered())

    def action_tag(self) -> None:
        """Tag or untag the file under the cursor."""
        self.files.focus()
        self.files.toggle_tag()

    def action_tag_shown(self) -> None:
        """Tag all waiting files that are shown."""
        self.files.tag_shown()

    def action_clear_tags(self) -> None:
        """Clear all tags."""
        self.files.clear_tags()

    def action_move(self) -> None:
        """Ask where to move files; a running one is shared."""
        targets, row = self.targets("move"), self.files.cursor_row
        share = targets.reach is Reach.CURSOR or (self.filtered and not len(targets))
        if share and row is not None and row.state is FileState.RUNNING:
            self._share(row)
            return
        costs, snapshot = self.files.costs(targets.numbers), self.run_state.snapshot
        if not costs or snapshot is None:
            self._tell_nothing(targets, _WAITING)
            return

        def answered(device: str | None) -> None:
            if device is not None:
                self.want(MoveUnits(tuple(targets.numbers.tolist()), device))

        units = self.files.units(targets.numbers)
        what = targets.noun if len(units) > 1 else ""
        self.app.push_screen(MoveDialog(units, snapshot.devices, costs, what=what), answered)

    def _share(self, row: FileRow) -> None:
        """Ask which device takes a part of a running file."""

        def answered(device: str | None) -> None:
            if device is not None:
                self.want(SplitUnit(row.unit.unit_id, device))

        devices = self.run_state.snapshot.devices if self.run_state.snapshot else ()
        half = {row.device: row.unit.cost / 2}
        self.app.push_screen(MoveDialog((row.unit,), devices, half, share=True), answered)

    def action_make_first(self) -> None:
        """Move files to the front of their queues."""
        self._act("make_first", "Move {} to the front", lambda ids: ReorderUnits(ids, first=True))

    def action_make_last(self) -> None:
        """Move files to the end of their queues."""
        self._act("make_last", "Move {} to the end", lambda ids: ReorderUnits(ids, first=False))

    def action_skip(self) -> None:
        """Skip files."""
        self._act("skip", "Skip {}", SkipUnits)

    def action_retry(self) -> None:
        """Retry failed or skipped files."""
        self._act("retry", "Retry {}", RetryUnits)

    def _act(
        self, action: str, question: str, command: Callable[[tuple[int, ...]], Command]
    ) -> None:
        """Act at once on tagged files or the one under the cursor; confirm for filtered files."""
        targets = self.targets(action)
        if not len(targets):
            self._tell_nothing(targets, _APPLIES[action])
            return
        unit_ids = tuple(targets.numbers.tolist())

        def answered(sure: bool | None) -> None:
            if sure:
                self.want(command(unit_ids))

        row = self.files.cursor_row
        if targets.reach is Reach.SHOWN and (row is None or unit_ids != (row.unit.unit_id,)):
            self.app.push_screen(ConfirmDialog(f"{question.format(targets.noun)}?"), answered)
        else:
            answered(True)

    def _tell_nothing(self, targets: Targets, states: tuple[FileState, ...]) -> None:
        """Explain why an action changes nothing."""
        row = self.files.cursor_row
        words = " or ".join(state.word for state in states)
        if targets.reach is not Reach.CURSOR:
            text = f"None of the {count(targets.of)} {targets.reach.value} files is {words}."
        elif row is not None:
            text = f"{row.unit.name} is not {words}."
        else:
            text = f"Select a {words} file first."
        self.notify(text, title="Nothing to do", markup=False)
