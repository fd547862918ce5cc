"""Which files are looked at: all, those of a state, or the queue of a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui_balancer.scheduler.model import DeviceMetrics
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import short_count
from tui_balancer.ui.state.device_rows import is_through
from tui_balancer.ui.state.file_table import FileState
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
        state: Of its files; None where it is not theirs that makes the part.
        device: Whose queue it is; None where it is none.
        sign: Before the name.
        tone: Of the number.
    """

    label: str
    files: int
    state: FileState | None = None
    device: str | None = None
    sign: str = " "
    tone: Tone = "plain"


def _device_scope(device: DeviceMetrics, snapshot: RunSnapshot) -> Scope:
    sign = glyphs.DONE if is_through(device, snapshot) else glyphs.DEVICE_STATES[device.state]
    return Scope(device.device, device.queued_files, device=device.device, sign=sign)


def scopes(snapshot: RunSnapshot) -> tuple[Scope, ...]:
    """Return the parts of a run's files."""
    totals = snapshot.totals
    return (
        Scope("all", totals.files),
        Scope("waiting", totals.waiting, FileState.WAITING),
        Scope("running", totals.running, FileState.RUNNING),
        Scope("failed", totals.failed, FileState.FAILED, tone="bad" if totals.failed else "plain"),
        *([Scope("skipped", totals.skipped, FileState.SKIPPED)] if totals.skipped else []),
        Scope("done", totals.done, FileState.DONE),
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

    def scope_on_line(self, screen_y: int) -> Scope | None:
        """Return the part on a line of the screen."""
        index = screen_y - self.content_region.y + self.scroll_offset.y
        return self.rows[index] if 0 <= index < len(self.rows) else None
