"""Which files are looked at: all, those of a state, or the queue of a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui_balancer.scheduler.model import DeviceMetrics
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import short_count
from tui_balancer.ui.state.device_rows import is_through
from tui_balancer.ui.state.file_rows import Choice
from tui_balancer.ui.state.file_table import QUEUED, FileState
from tui_balancer.ui.styles import Line, Tone
from tui_balancer.ui.widgets.columns import Column
from tui_balancer.ui.widgets.row_list import RowList
from tui_balancer.view.handle import RunSnapshot


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the files.

    Attributes:
        label: Its name.
        files: How many there are.
        states: Of its files; empty for all.
        device: Whose queue it is; None where it is none.
        sign: Before the name.
        tone: Of the number.
    """

    label: str
    files: int
    states: tuple[FileState, ...] = ()
    device: str | None = None
    sign: str = " "
    tone: Tone = "plain"

    @property
    def devices(self) -> tuple[str, ...]:
        """The device, where it is a queue."""
        return () if self.device is None else (self.device,)

    def holds(self, choice: Choice) -> bool:
        """Whether all chosen files are in this part."""
        there = choice.states and set(choice.states) <= set(self.states)
        return bool(not self.states or there) and self.devices in ((), choice.devices)


def _device_scope(device: DeviceMetrics, snapshot: RunSnapshot) -> Scope:
    sign = glyphs.DONE if is_through(device, snapshot) else glyphs.DEVICE_STATES[device.state]
    return Scope(device.device, device.queued_files, QUEUED, device.device, sign)


def _state_scope(state: FileState, files: int, tone: Tone = "plain") -> Scope:
    return Scope(state.word, files, (state,), tone=tone)


def scopes(snapshot: RunSnapshot) -> tuple[Scope, ...]:
    """Return the parts of a run's files."""
    totals = snapshot.totals
    return (
        Scope("all", totals.files),
        _state_scope(FileState.WAITING, totals.waiting),
        _state_scope(FileState.RUNNING, totals.running),
        _state_scope(FileState.FAILED, totals.failed, "bad" if totals.failed else "plain"),
        *([_state_scope(FileState.SKIPPED, totals.skipped)] if totals.skipped else []),
        _state_scope(FileState.DONE, totals.done),
        *(_device_scope(device, snapshot) for device in snapshot.devices),
    )


COLUMNS: Final[tuple[Column[Scope], ...]] = (
    Column("", 1, lambda row, _: [(row.sign, "dim")], rank=1),
    Column("", 7, lambda row, _: [(row.label, "strong" if row.device else "plain")], flexible=True),
    Column("", 5, lambda row, _: _files(row), right=True),
)


def _files(row: Scope) -> Line:
    return [(short_count(row.files), "dim" if not row.files else row.tone)]


class ScopeList(RowList[Scope]):
    """All, each state, each device; a file dropped on a device is moved there."""

    EMPTY = ""

    def __init__(self) -> None:
        super().__init__(COLUMNS, heading=False, id="scopes")
        self.retitle("Queues")

    def row_key(self, row: Scope) -> str:
        """A part is told by its name."""
        return row.label

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the parts with their sizes."""
        self.set_rows(scopes(snapshot))

    def select(self, label: str) -> None:
        """Put the cursor on a part."""
        for index, row in enumerate(self.rows):
            if row.label == label:
                self.move_cursor(index)

    def follow(self, choice: Choice) -> None:
        """Put the cursor on the part that the chosen files belong to."""
        scope = self.scope_of(choice)
        if scope is not None:
            self.select(scope.label)

    def scope_of(self, choice: Choice) -> Scope | None:
        """Return the smallest part that holds all chosen files; None while nothing is known."""
        return next((row for row in reversed(self.rows) if row.holds(choice)), None)

    def scope_on_line(self, screen_y: int) -> Scope | None:
        """Return the part on a line of the screen."""
        index = screen_y - self.content_region.y + self.scroll_offset.y
        return self.rows[index] if 0 <= index < len(self.rows) else None
