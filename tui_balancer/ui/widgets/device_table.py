"""The device table: state, rates and queue of each device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.cells import cell_len

from tui_balancer.device_names import device_name
from tui_balancer.formatting import NONE, count, estimate, memory, percent, quantity
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import bar, short_count, shorten, sparkline
from tui_balancer.ui.painting.chosen_columns import ChosenColumns
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.state.device_rows import DeviceRow, device_rows, ends_in
from tui_balancer.ui.styles import Line, Tone
from tui_balancer.view.handle import RunSnapshot

WELL_USED: Final = 0.8
HALF_USED: Final = 0.5
SPARK_WIDTH: Final = 10

DITTO: Final = '"'
NAME_WIDTH: Final = 7
WIDEST_NAME: Final = 12

Samples = Callable[[str, int], Sequence[float]]

_STATE_TONES: Final[dict[DeviceState, Tone]] = {
    DeviceState.STARTING: "accent",
    DeviceState.IDLE: "fair",
    DeviceState.BUSY: "good",
    DeviceState.PAUSED: "fair",
    DeviceState.DRAINED: "dim",
    DeviceState.DEAD: "bad",
    DeviceState.STOPPED: "dim",
}


def device_cell(row: DeviceRow, _width: int) -> Line:
    """Draw the device's id without its node, or the group's glyph and size."""
    if not row.members:
        return [(device_name(row.metrics.device).on_node, "strong")]
    sign = glyphs.FOLDED if row.folded else glyphs.UNFOLDED
    return [(f"{sign} {row.members} ×", "accent")]


def state_cell(row: DeviceRow, _width: int) -> Line:
    """Draw the state as a glyph and a word; for a group, the number of busy devices."""
    if row.members:
        tone: Tone = "bad" if row.dead else "good"
        return [(f"{row.dead} dead" if row.dead else f"{row.busy} busy", tone)]
    if row.finished:
        return [(f"{glyphs.DONE} done", "dim")]
    state = row.metrics.state
    return [(f"{glyphs.DEVICE_STATES[state]} {state.value}", _STATE_TONES[state])]


def utilisation_cell(row: DeviceRow, width: int) -> Line:
    """Draw the share of time with a batch in flight: a bar and a number."""
    utilisation = row.metrics.utilisation
    if utilisation is None:
        return [(" " * (width - 1) + NONE, "dim")]
    tone: Tone = "bad"
    if row.finished:
        tone = "dim"
    elif utilisation >= WELL_USED:
        tone = "good"
    elif utilisation >= HALF_USED:
        tone = "fair"
    filled, track = bar(utilisation, width - 5)
    return [(filled, tone), (track, "dim"), (f"{percent(utilisation):>5}", tone)]


def running_cell(row: DeviceRow, width: int) -> Line:
    """Draw the current file and its progress, or why there is none."""
    metrics = row.metrics
    if row.members:
        return [(shorten(metrics.name.removeprefix("NVIDIA "), width), "strong")]
    if metrics.running is None:
        return [(metrics.note or NONE, "bad" if metrics.state is DeviceState.DEAD else "dim")]
    done = f"{percent(metrics.running.fraction):>4}"
    name = shorten(metrics.running.unit.name, width - len(done))
    return [(name + " " * (width - len(done) - cell_len(name)), "plain"), (done, "accent")]


def stolen_cell(row: DeviceRow, _width: int) -> Line:
    """Draw the number of files stolen to and from the device."""
    metrics = row.metrics
    stolen = metrics.stolen_to or metrics.stolen_from
    came, went = _thousands(metrics.stolen_to), _thousands(metrics.stolen_from)
    return _number(f"+{came} −{went}" if stolen else "0")


def _thousands(number: int) -> str:
    return f"{number // 1000}k" if number >= 1000 else str(number)


def _end(row: DeviceRow) -> str:
    if row.members:
        return estimate(row.metrics.finish_seconds)
    return ends_in(row.metrics, finished=row.finished)


def _rate(row: DeviceRow, a_second: float | None) -> str:
    # The rate of the last minute keeps falling once there is no work.
    return quantity(None if row.finished else a_second)


def _of_card(row: DeviceRow, text: str) -> str:
    """Return a figure of a card in the first row of its workers, a ditto mark in the others."""
    return DITTO if row.repeated and text != NONE else text


def _memory(row: DeviceRow) -> str:
    sample = row.metrics.sample
    return _of_card(row, memory(sample.memory_used, sample.memory_total))


def _load(row: DeviceRow) -> str:
    return _of_card(row, percent(row.metrics.sample.sensor_utilisation))


def _number(text: str) -> Line:
    return [(text, "dim" if text in (NONE, "0", DITTO) else "plain")]


def _figure(
    title: str, width: int, text: Callable[[DeviceRow], str], rank: int = 0
) -> Column[DeviceRow]:
    """Return a column of numbers."""
    return Column(title, width, lambda row, _: _number(text(row)), right=True, rank=rank)


def _spark_column(samples: Samples) -> Column[DeviceRow]:
    def spark_cell(row: DeviceRow, width: int) -> Line:
        if row.members:
            return []
        text = sparkline(samples(row.metrics.device, width), width)
        return [(text, "dim" if row.finished else "accent")]

    return Column("Last 20s", SPARK_WIDTH, spark_cell, right=True, rank=3)


def hardware_cell(row: DeviceRow, width: int) -> Line:
    """Draw the hardware's name; a group has it in another column."""
    return [("" if row.members else shorten(row.metrics.name, width), "dim")]


def columns(samples: Samples, name_width: int = NAME_WIDTH) -> tuple[Column[DeviceRow], ...]:
    """Return the columns; add a new one here.

    Args:
        samples: Returns the last so many samples of a device's rate, oldest first.
        name_width: Cells of a device's name.
    """
    return (
        Column("Device", name_width, device_cell, always=True),
        Column("State", 10, state_cell),
        Column("Busy", 9, utilisation_cell, right=True),
        _spark_column(samples),
        _figure("seq/s", 5, lambda row: _rate(row, row.metrics.sequences_per_second), rank=4),
        _figure("res/s", 5, lambda row: _rate(row, row.metrics.residues_per_second), rank=6),
        _figure("Queue", 5, lambda row: short_count(row.metrics.queued_files)),
        _figure("Done", 5, lambda row: short_count(row.metrics.files_done), rank=1),
        Column("Stolen", 9, stolen_cell, right=True, rank=5),
        Column("Current file", 17, running_cell, flexible=True, most=48),
        _figure("ETA", 8, _end, rank=7),
        _figure("Memory", 14, _memory, rank=8),
        _figure("Load", 6, _load, rank=9),
        Column("Hardware", 26, hardware_cell, rank=10),
        _figure("Restarts", 8, lambda row: count(row.metrics.restarts), rank=11),
    )


class DeviceTable(ChosenColumns[DeviceRow]):
    """The devices in order, grouped by node or, if there are many, by hardware.

    Args:
        samples: Returns the last so many samples of a device's rate, oldest first.
    """

    EMPTY = "no devices yet"
    kind = "devices"

    def __init__(self, samples: Samples) -> None:
        super().__init__(columns(samples), id="devices")
        self._samples = samples
        self._name_width = NAME_WIDTH
        self._toggled: set[str] = set()
        self._snapshot: RunSnapshot | None = None
        self.retitle("Devices")

    def row_key(self, row: DeviceRow) -> tuple[bool, str]:
        """Identify a device by its id, a group by its name."""
        return row.key

    @property
    def device(self) -> str | None:
        """The device under the cursor; None on a group."""
        row = self.cursor_row
        return None if row is None or row.members else row.metrics.device

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the devices of a snapshot."""
        self._snapshot = snapshot
        rows = device_rows(snapshot, self._toggled)
        names = (len(device_name(row.metrics.device).on_node) for row in rows)
        if (width := min(WIDEST_NAME, max(NAME_WIDTH, *names, 0))) != self._name_width:
            self._name_width = width
            self.set_columns(columns(self._samples, width))
        self.set_rows(rows)
        busy = sum(row.state is DeviceState.BUSY for row in snapshot.devices)
        parts = [f"{busy} of {count(len(snapshot.devices))} busy"] if snapshot.devices else []
        if any(row.folded for row in self.rows):
            parts.append("outliers only, z shows the others")
        self.retitle("Devices", *parts)

    def toggle_fold(self) -> bool:
        """Fold or unfold the group of the row under the cursor; False where there are none."""
        row = self.cursor_row
        if row is None or self._snapshot is None or not any(one.members for one in self.rows):
            return False
        self._toggled ^= {row.group}
        self.show(self._snapshot)
        place = next(
            index for index, one in enumerate(self.rows) if one.members and one.group == row.group
        )
        self.move_cursor(place)
        return True
