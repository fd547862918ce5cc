"""The scopes of files: all, one state, or the queue of a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui_balancer.scheduler.model import DeviceMetrics
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import short_count
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.device_rows import is_finished
from tui_balancer.ui.state.file_rows import Choice
from tui_balancer.ui.state.file_table import QUEUED, FileState
from tui_balancer.ui.styles import Line, Tone
from tui_balancer.view.handle import RunSnapshot


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope of files.

    Attributes:
        label: Name.
        files: Number of files.
        states: States of its files; empty for all.
        device: Device whose queue it is; None for other scopes.
        sign: Glyph before the name.
        tone: Tone of the number.
    """

    label: str
    files: int
    states: tuple[FileState, ...] = ()
    device: str | None = None
    sign: str = " "
    tone: Tone = "plain"

    @property
    def devices(self) -> tuple[str, ...]:
        """The device of a queue's scope."""
        return () if self.device is None else (self.device,)

    def holds(self, choice: Choice) -> bool:
        """Whether all selected files are in this scope."""
        there = choice.states and set(choice.states) <= set(self.states)
        return bool(not self.states or there) and self.devices in ((), choice.devices)


def _device_scope(device: DeviceMetrics, snapshot: RunSnapshot) -> Scope:
    sign = glyphs.DONE if is_finished(device, snapshot) else glyphs.DEVICE_STATES[device.state]
    return Scope(device.device, device.queued_files, QUEUED, device.device, sign)


def _state_scope(state: FileState, files: int, tone: Tone = "plain") -> Scope:
    return Scope(state.word, files, (state,), tone=tone)


def scopes(snapshot: RunSnapshot) -> tuple[Scope, ...]:
    """Return the scopes of a run."""
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
        """Identify a scope by its name."""
        return row.label

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the scopes with their sizes."""
        self.set_rows(scopes(snapshot))

    def select(self, label: str) -> None:
        """Move the cursor to a scope."""
        for index, row in enumerate(self.rows):
            if row.label == label:
                self.move_cursor(index)

    def follow(self, choice: Choice) -> None:
        """Move the cursor to the scope of the selected files."""
        scope = self.scope_of(choice)
        if scope is not None:
            self.select(scope.label)

    def scope_of(self, choice: Choice) -> Scope | None:
        """Return the smallest scope with all selected files; None before any is known."""
        return next((row for row in reversed(self.rows) if row.holds(choice)), None)

    def scope_on_line(self, screen_y: int) -> Scope | None:
        """Return the scope on a line of the screen."""
        index = screen_y - self.content_region.y + self.scroll_offset.y
        return self.rows[index] if 0 <= index < len(self.rows) else None
