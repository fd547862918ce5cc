"""The list of files: state, queue and finish time of each."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from textual import events
from textual.message import Message

from tui_balancer.formatting import count, plural
from tui_balancer.scheduler.model import Unit
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import device_width
from tui_balancer.ui.painting.chosen_columns import ChosenColumns
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.drag_list import DragList
from tui_balancer.ui.painting.row_list import CURSOR_WIDTH
from tui_balancer.ui.screen_memory import ScreenMemory
from tui_balancer.ui.state.file_rows import (
    SORTS,
    Choice,
    FileRow,
    FileRows,
    NameSearch,
    Numbers,
    chosen,
)
from tui_balancer.ui.state.file_table import QUEUED, WITHOUT_OUTPUT, FileState, FileTable
from tui_balancer.ui.state.targets import Reach, Targets
from tui_balancer.ui.styles import Line
from tui_balancer.ui.widgets.file_columns import (
    TAG_WIDTH,
    file_columns,
    reason_columns,
)

_SORT_SHARE: Final = 0.1
"""Share of the time for sorting many files again without a user's request."""

_MANY: Final = 20_000

_LOOKED_AT: Final = 1000
"""Number of files whose names determine the width of the name column."""


class FileList(DragList[FileRow], ChosenColumns[FileRow]):
    """The files of one queue, of one state, or all; some of them tagged.

    A tag belongs to the file, not to its position: it stays when the list is refreshed or the file
    is moved or stolen, and is cleared when the file starts.
    """

    EMPTY = "no files"
    kind = "files"

    class Retagged(Message):
        """The tags have changed."""

    def __init__(self) -> None:
        self.choice = Choice()
        self._table: FileTable | None = None
        self._tags: dict[int, None] = {}
        self._left: frozenset[int] = frozenset()
        self._search = NameSearch()
        self._sort_due = 0.0
        self._targets: dict[tuple[FileState, ...], Targets] = {}
        self._usual = file_columns(self._tags, device_width(()))
        self._with_reasons = reason_columns(self._tags, device_width(()))
        super().__init__(self._usual, id="files")
        self.retitle("Files")

    def row_key(self, row: FileRow) -> int:
        """Identify a file by its number in the run."""
        return row.unit.unit_id

    @property
    def tagged(self) -> tuple[int, ...]:
        """Numbers of the tagged files, in the order of tagging."""
        return tuple(self._tags)

    @property
    def table(self) -> FileTable | None:
        """The table of files that was shown last."""
        return self._table

    def show(self, table: FileTable | None) -> None:
        """Show a new table of files; None before they are known."""
        if table is None or table is self._table:
            return
        if self._table is None or table.devices != self._table.devices:
            names = [unit.name for unit in table.units[:_LOOKED_AT]]
            device_cells = device_width(table.devices)
            self._usual = file_columns(self._tags, device_cells, names)
            self._with_reasons = reason_columns(self._tags, device_cells)
            self._choose_columns()
        first, self._table = self._table is None, table
        if self._tags:
            state = table.state
            for one in [one for one in self._tags if state[one] < FileState.WAITING]:
                del self._tags[one]
        if time.monotonic() >= self._sort_due:
            self._arrange_rows()
        else:
            self.set_rows(FileRows(table, self._numbers()))
        if first:
            self.reach_waiting()
        self._tell()

    @property
    def loose(self) -> bool:
        """Whether no name contains all words, so letters in order are matched instead."""
        return bool(self.choice.words) and self._search.loose

    def recall(self, memory: ScreenMemory) -> None:
        """See `ChosenColumns.recall`; the order is kept, too."""
        super().recall(memory)
        sort, backwards = memory.sort
        if sort in SORTS:
            self.choice = replace(self.choice, sort=sort, backwards=backwards)

    def choose(self, choice: Choice) -> None:
        """Change the filter or the order."""
        before, self.choice = self.choice, choice
        if (choice.sort, choice.backwards) != (before.sort, before.backwards):
            self.memory.sort = choice.sort, choice.backwards
        self._arrange_rows()
        if (choice.states, choice.devices) != (before.states, before.devices):
            self._choose_columns()
            self.reach_waiting()
        self._tell()

    def _choose_columns(self) -> None:
        states = self.choice.states
        without = bool(states) and set(states) <= set(WITHOUT_OUTPUT)
        self.kind = "reasons" if without else "files"
        self.set_columns(self._with_reasons if without else self._usual)

    def sort_next(self) -> None:
        """Sort by the next of `SORTS`."""
        place = (SORTS.index(self.choice.sort) + 1) % len(SORTS)
        self.choose(replace(self.choice, sort=SORTS[place], backwards=False))

    def sort_by(self, sort: str) -> None:
        """Sort by this key; reverse the order if it is the current key."""
        self.choose(self.choice.sorted_by(sort))

    def reverse(self) -> None:
        """Reverse the order."""
        self.choose(replace(self.choice, backwards=not self.choice.backwards))

    def reach_waiting(self) -> None:
        """Move the cursor to the first waiting file, or else to the top."""
        place = 0
        if self._table is not None:
            (waiting,) = np.nonzero(self._table.state[self._numbers()] == FileState.WAITING)
            place = int(waiting[0]) if len(waiting) else 0
        self.move_cursor(place)

    def toggle_tag(self) -> None:
        """Tag or untag the file under the cursor, and move to the next one."""
        self._toggle(self.cursor)
        self.action_cursor(1)

    def tag_shown(self) -> None:
        """Tag every waiting file that is shown."""
        if self._table is None:
            return
        numbers = self._numbers()
        waiting = numbers[self._table.state[numbers] == FileState.WAITING]
        self._tags |= dict.fromkeys(waiting.tolist())
        self._tags_changed()

    def clear_tags(self) -> None:
        """Clear all tags."""
        self.drop_tags(tuple(self._tags))

    def leave(self, unit_ids: Collection[int]) -> None:
        """Keep the cursor's position when these files move away."""
        self._left = frozenset(unit_ids)

    def drop_tags(self, unit_ids: Collection[int]) -> None:
        """Clear the tags of these files."""
        for unit_id in unit_ids:
            self._tags.pop(unit_id, None)
        self._tags_changed()

    def targets(self, states: tuple[FileState, ...], *, shown: bool) -> Targets:
        """Return the files that an action changes, if it applies to files in these states.

        The tagged files, or else all shown files if `shown`, or else the file under the cursor in
        any state: the run then reports why it refuses.
        """
        if self._table is None or not (self._tags or shown):
            row = self.cursor_row
            return Targets() if row is None else Targets(numbers=np.array([row.unit.unit_id]), of=1)
        if states not in self._targets:
            reach = Reach.TAGGED if self._tags else Reach.SHOWN
            numbers = np.fromiter(self._tags, np.intp) if self._tags else self._numbers()
            state = self._table.state[numbers]
            applies = np.logical_or.reduce([state == one for one in states])
            self._targets[states] = Targets(reach, numbers[applies], len(numbers))
        return self._targets[states]

    def units(self, numbers: Numbers) -> tuple[Unit, ...]:
        """Return the units of these numbers."""
        units = self._table.units if self._table is not None else ()
        return tuple(units[number] for number in numbers.tolist())

    def costs(self, numbers: Numbers) -> dict[str, float]:
        """Return the FLOPs of the waiting files among these, by the device they wait for."""
        if self._table is None:
            return {}
        table = self._table
        waiting = numbers[table.state[numbers] == FileState.WAITING]
        # Files that wait for no device are in the last place.
        sums = np.bincount(
            table.device[waiting] % (len(table.devices) + 1), table.amounts["cost"][waiting]
        )
        names = (*table.devices, "")
        files = np.bincount(table.device[waiting] % (len(table.devices) + 1))
        return {names[at]: float(sums[at]) for at in np.flatnonzero(files).tolist()}

    def set_rows(self, rows: Sequence[FileRow], *, follow_top: bool = False) -> None:
        """Show other rows, so that keys act on other files."""
        self._targets.clear()
        super().set_rows(rows, follow_top=follow_top)

    def _arrange_rows(self) -> None:
        if self._table is None:
            return
        began = time.monotonic()
        numbers = chosen(self._table, self.choice, self._search)
        if len(self._table) >= _MANY:
            now = time.monotonic()
            self._sort_due = now + (now - began) / _SORT_SHARE
        self.set_rows(FileRows(self._table, numbers))

    def _numbers(self) -> Numbers:
        return self.rows.numbers if isinstance(self.rows, FileRows) else np.empty(0, np.intp)

    def _find(self, row: FileRow, near: int) -> int:
        number, place = row.unit.unit_id, None
        # The next file takes the position of one that has started or ended.
        same = self._table is not None and self._table.state[number] == row.state
        if same and number not in self._left and isinstance(self.rows, FileRows):
            place = self.rows.find(number)
        return min(near, max(0, len(self.rows) - 1)) if place is None else place

    def _toggle(self, index: int) -> None:
        if index >= len(self.rows):
            return
        unit_id = self.rows[index].unit.unit_id
        if unit_id in self._tags:
            del self._tags[unit_id]
        else:
            self._tags[unit_id] = None
        self._tags_changed()

    def _tags_changed(self) -> None:
        self._targets.clear()
        self.post_message(self.Retagged())
        self.repaint_changes()
        self._tell()

    def say(self, text: str) -> None:
        """Set the text in the frame; an empty text restores the title."""
        if text:
            self.retitle(text)
        else:
            self._tell()

    def _tell(self) -> None:
        states, devices = self.choice.states, self.choice.devices
        what = "Files"
        if states == QUEUED and len(devices) == 1:
            what = f"Queue of {devices[0]}"
        elif len(states) == 1:
            what = f"{states[0].word.capitalize()} files"
        parts = [what, plural(len(self.rows), "file")]
        if self._tags:
            parts.append(f"{count(len(self._tags))} tagged")
        self.retitle(*parts)

    def title_of(self, column: Column[FileRow]) -> Line:
        """Mark the sorted column."""
        if not column.key or column.key != self.choice.sort:
            return [(column.title, "plain")]
        sign = glyphs.UP if self.choice.backwards else glyphs.DOWN
        return [(f"{column.title}{sign}", "accent")]

    def on_click(self, event: events.Click) -> None:
        """Toggle the tag on a click in its column."""
        index = self.row_at(event)
        column = event.get_content_offset_capture(self).x
        if index is not None and column < CURSOR_WIDTH + TAG_WIDTH:
            self._toggle(index)
