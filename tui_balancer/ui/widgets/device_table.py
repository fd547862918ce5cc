"""A row a device: what it is doing, how well, and what waits for it."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len

from tui_balancer.balance.model import DeviceMetrics, DeviceState
from tui_balancer.formatting import NONE, count, estimate, memory, percent, quantity
from tui_balancer.run.handle import RunSnapshot
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import bar, short_count, shorten
from tui_balancer.ui.tones import Line, Tone
from tui_balancer.ui.widgets.columns import Column
from tui_balancer.ui.widgets.row_list import RowList

WELL_USED: Final = 0.8
HALF_USED: Final = 0.5

_STATE_TONES: Final[dict[DeviceState, Tone]] = {
    DeviceState.STARTING: "accent",
    DeviceState.IDLE: "fair",
    DeviceState.BUSY: "good",
    DeviceState.PAUSED: "fair",
    DeviceState.DEAD: "bad",
    DeviceState.STOPPED: "dim",
}


def state_cell(row: DeviceMetrics, _width: int) -> Line:
    """Draw the state as a sign and a word."""
    return [(f"{glyphs.DEVICE_STATES[row.state]} {row.state.value}", _STATE_TONES[row.state])]


def utilisation_cell(row: DeviceMetrics, width: int) -> Line:
    """Draw the share of time with a batch in flight: a bar and a number."""
    if row.utilisation is None:
        return [(" " * (width - 1) + NONE, "dim")]
    tone: Tone = "bad"
    if row.utilisation >= WELL_USED:
        tone = "good"
    elif row.utilisation >= HALF_USED:
        tone = "fair"
    filled, track = bar(row.utilisation, width - 5)
    return [(filled, tone), (track, "dim"), (f"{percent(row.utilisation):>5}", tone)]


def running_cell(row: DeviceMetrics, width: int) -> Line:
    """Draw the current file and how far it is, or why there is none."""
    if row.running is None:
        return [(row.note or NONE, "bad" if row.state is DeviceState.DEAD else "dim")]
    done = f"{percent(row.running.fraction):>4}"
    name = shorten(row.running.unit.name, width - len(done))
    return [(name + " " * (width - len(done) - cell_len(name)), "plain"), (done, "accent")]


def _number(text: str) -> Line:
    return [(text, "dim" if text in (NONE, "0") else "plain")]


COLUMNS: Final[tuple[Column[DeviceMetrics], ...]] = (
    Column("Device", 7, lambda row, _: [(row.device, "strong")]),
    Column("State", 10, state_cell),
    Column("Busy", 9, utilisation_cell, right=True),
    Column(
        "Sensor", 6, lambda row, _: _number(percent(row.sensor_utilisation)), right=True, rank=8
    ),
    Column("seq/s", 5, lambda row, _: _number(quantity(row.sequences_per_second)), True, rank=3),
    Column("res/s", 5, lambda row, _: _number(quantity(row.residues_per_second)), True, rank=5),
    Column("Queue", 5, lambda row, _: _number(short_count(row.queued_files)), right=True),
    Column("Done", 5, lambda row, _: _number(short_count(row.files_done)), right=True, rank=1),
    Column(
        "Stolen",
        8,
        lambda row, _: _number(
            f"+{row.stolen_to} −{row.stolen_from}" if row.stolen_to or row.stolen_from else "0"
        ),
        right=True,
        rank=2,
    ),
    Column("Now", 17, running_cell, flexible=True, most=48),
    Column("Ends in", 8, lambda row, _: _number(estimate(row.finish_seconds)), True, rank=6),
    Column(
        "Memory",
        14,
        lambda row, _: _number(memory(row.memory_used, row.memory_total)),
        right=True,
        rank=7,
    ),
    Column("Restarts", 8, lambda row, _: _number(count(row.restarts)), right=True, rank=10),
    Column("Hardware", 26, lambda row, width: [(shorten(row.name, width), "dim")], rank=9),
)


class DeviceTable(RowList[DeviceMetrics]):
    """The devices in their order; the one under the cursor is the one that keys act on."""

    EMPTY = "no devices yet"

    def __init__(self) -> None:
        super().__init__(COLUMNS, id="devices")
        self.retitle("Devices")

    def row_key(self, row: DeviceMetrics) -> str:
        """A device is told by its id."""
        return row.device

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the devices of a snapshot."""
        self.set_rows(snapshot.devices)
        busy = sum(row.state is DeviceState.BUSY for row in snapshot.devices)
        states = [f"{busy} of {count(len(snapshot.devices))} busy"] if snapshot.devices else []
        self.retitle("Devices", *states)
