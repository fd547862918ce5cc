"""The next files of each queue, and when they start."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tui_balancer.formatting import NONE, estimate, quantity
from tui_balancer.scheduler.model import WaitingUnit
from tui_balancer.ui.formatting import device_label, device_width, shorten
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.forecast import HELD
from tui_balancer.view.handle import RunSnapshot


@dataclass(frozen=True, slots=True)
class NextFile:
    """A waiting file.

    Attributes:
        first: Whether it is the next one of its device.
        held: Whether the device is paused, dead or stopped: the start is unknown.
    """

    device: str
    unit: WaitingUnit
    first: bool
    held: bool


def next_files(snapshot: RunSnapshot, each: int) -> tuple[NextFile, ...]:
    """Return the first files of each queue, up to a maximum per queue."""
    return tuple(
        NextFile(one.device, unit, number == 0, one.state in HELD)
        for one in snapshot.devices
        for number, unit in enumerate(one.next_units[:each])
    )


@cache
def columns(device_cells: int) -> tuple[Column[NextFile], ...]:
    """Return the columns for device names of this width."""
    return (
        Column(
            "Device",
            device_cells,
            lambda row, width: [(device_label(row.device, width) if row.first else "", "strong")],
        ),
        Column(
            "Next file",
            12,
            lambda row, width: [(shorten(row.unit.name, width), "plain")],
            flexible=True,
        ),
        Column(
            "Residues", 8, lambda row, _: [(quantity(row.unit.residues), "dim")], right=True, rank=2
        ),
        Column(
            "Starts in",
            9,
            lambda row, _: [(NONE if row.held else estimate(row.unit.starts_seconds), "plain")],
            right=True,
            rank=1,
        ),
    )


class NextFiles(RowList[NextFile]):
    """Shows the next files of each device."""

    EMPTY = "nothing waits"
    MARKS_WHEN_BLURRED = False

    def __init__(self) -> None:
        super().__init__(columns(device_width(())), id="next")
        self.retitle("Next files")

    def row_key(self, row: NextFile) -> int:
        """Identify a row by its unit."""
        return row.unit.unit_id

    def show(self, snapshot: RunSnapshot, height: int) -> None:
        """Show the front of each queue, with as many files per device as fit.

        Args:
            height: Lines of the whole list.
        """
        waiting = sum(bool(one.next_units) for one in snapshot.devices)
        rows = next_files(snapshot, max(1, (height - 2) // max(1, waiting)))
        self.set_columns(columns(device_width(row.device for row in rows)))
        self.set_rows(rows)
