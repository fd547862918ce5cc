"""Finish times of the devices, as bars with the bound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tui_balancer.formatting import estimate
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import device_label, device_width
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.state.device_rows import GROUPED_FROM, ends_in, is_finished
from tui_balancer.ui.state.forecast import HELD, LATE, fluid_end
from tui_balancer.ui.styles import Line, Tone
from tui_balancer.view.handle import RunSnapshot


@dataclass(frozen=True, slots=True)
class FinishRow:
    """A device's finish time.

    Attributes:
        device: Its id.
        ends: Seconds from now; None if unknown.
        text: The same as text.
        held: Whether it is paused, dead or stopped: its finish time assumes that it resumes.
        bound: Seconds that all devices need for all remaining work.
        scale: Seconds of the full width.
    """

    device: str
    ends: float | None
    text: str
    held: bool
    bound: float | None
    scale: float


def finish_rows(snapshot: RunSnapshot) -> tuple[FinishRow, ...]:
    """Return a row for each device on a common scale; of many, the latest first."""
    bound = fluid_end(snapshot.devices)
    # A held device with a long queue would make all other bars too short to compare.
    working = [one.finish_seconds or 0.0 for one in snapshot.devices if one.state not in HELD]
    scale = max(*working, (bound or 0.0) * LATE, 0.0) if working else 0.0
    devices = list(snapshot.devices)
    if len(devices) >= GROUPED_FROM:
        devices.sort(key=lambda one: -(one.finish_seconds or 0.0))
    return tuple(
        FinishRow(
            one.device,
            one.finish_seconds,
            ends_in(one, finished=is_finished(one, snapshot)),
            one.state in HELD,
            bound,
            scale,
        )
        for one in devices
    )


def bar_cell(row: FinishRow, width: int) -> Line:
    """Draw a device's finish time and the bound."""
    if not row.scale or row.ends is None:
        return [(glyphs.TRACK * width, "dim")]
    filled = round(min(1.0, row.ends / row.scale) * width)
    beyond = row.ends > row.scale
    tone: Tone = "good"
    if row.held:
        tone = "dim"
    elif row.bound is not None and row.ends > row.bound * LATE:
        tone = "fair"
    text = glyphs.BAR * filled + glyphs.TRACK * (width - filled)
    if beyond:
        text = text[:-1] + glyphs.ARROW
    if row.bound is None:
        return _two_tones(text, filled, tone)
    mark = min(width - 1, round(row.bound / row.scale * width))
    return [
        *_two_tones(text[:mark], min(filled, mark), tone),
        (glyphs.MARK, "accent"),
        *_two_tones(text[mark + 1 :], max(0, filled - mark - 1), tone),
    ]


def _two_tones(text: str, filled: int, tone: Tone) -> Line:
    return [(text[:filled], tone), (text[filled:], "dim")]


@cache
def columns(device_cells: int) -> tuple[Column[FinishRow], ...]:
    """Return the columns for device names of this width."""
    return (
        Column(
            "Device",
            device_cells,
            lambda row, width: [(device_label(row.device, width), "strong")],
        ),
        Column("", 8, bar_cell, flexible=True),
        Column(
            "ETA",
            8,
            lambda row, _: [(row.text, "dim" if row.held else "plain")],
            right=True,
        ),
    )


class FinishBars(RowList[FinishRow]):
    """Shows the imbalance: each device's finish time and the bound."""

    EMPTY = "no devices yet"
    MARKS_WHEN_BLURRED = False

    def __init__(self) -> None:
        super().__init__(columns(device_width(())), heading=False, id="finish")
        self.retitle("Finish times")

    def row_key(self, row: FinishRow) -> str:
        """Identify a row by its device."""
        return row.device

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the finish times of a snapshot."""
        rows = finish_rows(snapshot)
        self.set_columns(columns(device_width(row.device for row in rows)))
        self.set_rows(rows)
        bound = rows[0].bound if rows else None
        parts = [f"{glyphs.MARK} best possible {estimate(bound)}"] if bound is not None else []
        self.retitle("Finish times", *parts)
