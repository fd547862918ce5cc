"""The files that wait for one device, next first, some of them tagged for a move."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui_balancer.balance.model import DeviceMetrics, Unit
from tui_balancer.formatting import count, plural, quantity
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import fine_estimate, shorten
from tui_balancer.ui.tones import Line, Tone
from tui_balancer.ui.widgets.columns import Column
from tui_balancer.ui.widgets.row_list import CURSOR_WIDTH, RowList

_TAG_WIDTH: Final = 1


class QueueList(RowList[Unit]):
    """The queue of the selected device.

    A tag belongs to the file, not to its place: it stays when the list is refreshed or the file
    is moved or stolen, and goes when the file starts.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step_device(-1)", "Previous device", show=False),
        Binding("right", "step_device(1)", "Next device", show=False),
    ]
    EMPTY = "nothing waits for this device"

    class DeviceStepped(Message):
        """A person asks for the queue of the device before (-1) or after (1) this one."""

        def __init__(self, step: int) -> None:
            self.step = step
            super().__init__()

    def __init__(self) -> None:
        self._tags: dict[int, Unit] = {}
        self._device: DeviceMetrics | None = None
        columns = (
            Column("", _TAG_WIDTH, self._tag_cell),
            Column("File", 16, self._name_cell, flexible=True, most=80),
            Column[Unit]("Seqs", 7, lambda unit, _: [(count(unit.sequences), "plain")], True),
            Column[Unit]("Res", 5, lambda unit, _: [(quantity(unit.residues), "plain")], True, 1),
            Column("Takes", 8, self._time_cell, right=True, rank=2),
        )
        super().__init__(columns, id="queue")
        self._retitle()

    def row_key(self, row: Unit) -> int:
        """A file is told by its number in the run."""
        return row.unit_id

    @property
    def tagged(self) -> tuple[Unit, ...]:
        """The tagged files, in the order in which they were tagged, of whatever queue."""
        return tuple(self._tags.values())

    @property
    def device(self) -> str | None:
        """The device whose queue is shown."""
        return self._device.device if self._device else None

    def show(self, device: DeviceMetrics | None, units: Sequence[Unit]) -> None:
        """Show what waits for a device; None while there are no devices."""
        if device is None or self._device is None or device.device != self._device.device:
            self.move_cursor(0)
        self._device = device
        self.set_rows(units)
        self._retitle()

    def toggle_tag(self) -> None:
        """Tag the file under the cursor or take its tag away, and go on to the next one."""
        self._toggle(self.cursor)
        self.action_cursor(1)

    def clear_tags(self) -> None:
        """Take all tags away."""
        self.drop_tags(tuple(self._tags))

    def drop_tags(self, unit_ids: Collection[int]) -> None:
        """Take the tags of these files away: they have started, or have been moved."""
        for unit_id in unit_ids:
            self._tags.pop(unit_id, None)
        self.repaint_changes()
        self._retitle()

    def action_step_device(self, step: int) -> None:
        """Ask for the queue of a neighbouring device."""
        self.post_message(self.DeviceStepped(step))

    def on_click(self, event: events.Click) -> None:
        """Toggle the tag by a click on its column."""
        index = self.row_at(event)
        column = event.get_content_offset_capture(self).x
        if index is not None and column < CURSOR_WIDTH + _TAG_WIDTH:
            self._toggle(index)

    def _toggle(self, index: int) -> None:
        if index >= len(self.rows):
            return
        unit = self.rows[index]
        if self._tags.pop(unit.unit_id, None) is None:
            self._tags[unit.unit_id] = unit
        self.repaint_changes()
        self._retitle()

    def _retitle(self) -> None:
        parts = ["Queue"]
        if self._device is not None:
            parts = [f"Queue of {self._device.device}", plural(len(self.rows), "file")]
        if self._tags:
            parts.append(f"{count(len(self._tags))} tagged")
        elif self._device is not None:
            parts.append("next first")
        self.retitle(*parts)

    def _tag_cell(self, unit: Unit, _width: int) -> Line:
        return [(glyphs.TAG, "accent")] if unit.unit_id in self._tags else []

    def _name_cell(self, unit: Unit, width: int) -> Line:
        tone: Tone = "strong" if unit.unit_id in self._tags else "plain"
        return [(shorten(unit.name, width), tone)]

    def _time_cell(self, unit: Unit, _width: int) -> Line:
        rate = self._device.flops_per_second if self._device else None
        return [(fine_estimate(unit.cost / rate if rate else None), "dim")]
