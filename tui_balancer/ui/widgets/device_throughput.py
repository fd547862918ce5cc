"""Recent throughput of each device, as bars on a common scale, one below the other."""

from __future__ import annotations

from math import ceil
from typing import Final

from tui_balancer.formatting import duration, quantity
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import device_label, device_width
from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.painting.row_list import CURSOR_WIDTH, gap
from tui_balancer.ui.state.throughput_history import (
    KEPT_SAMPLES,
    SAMPLE_SECONDS,
    ThroughputHistory,
)
from tui_balancer.ui.styles import Line
from tui_balancer.view.handle import RunSnapshot

MOST_LINES: Final = 6
"""Maximum lines per device; more add no information."""

_LEVELS: Final = f" {glyphs.SPARKS}"
_FINEST: Final = len(glyphs.SPARKS)
_RATE_WIDTH: Final = 6


class DeviceThroughput(Painted):
    """Residues per second of each device, the newest at the right.

    Args:
        history: Measurements since the screen was opened, at most half an hour.
    """

    def __init__(self, history: ThroughputHistory) -> None:
        super().__init__(id="rates", classes="chart")
        self._history = history
        self._names: tuple[str, ...] = ()
        self._bars: dict[str, list[float]] = {}
        self._rates: dict[str, float | None] = {}
        self._measured: tuple[int, int, tuple[str, ...]] | None = None

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the measurements up to a snapshot."""
        self._names = tuple(one.device for one in snapshot.devices)
        self._rates = {one.device: one.residues_per_second for one in snapshot.devices}
        width = max(1, self.room.width - self._left)
        measured = self._history.taken, width, self._names
        if measured != self._measured:
            self._measured = measured
            self._bars = self._averages(width)
        self.repaint_changes()

    def _averages(self, width: int) -> dict[str, list[float]]:
        """Return the bars of each device in so many cells, and write their time into the title."""
        kept = [len(self._history.recent(one, KEPT_SAMPLES)) for one in self._names]
        longest = max(kept, default=0)
        samples = max(1, ceil(longest / width))
        shown = duration(min(longest, samples * width) * SAMPLE_SECONDS)
        self.retitle("Throughput by device", "residues/s", f"last {shown}")
        return {one: self._history.averages(one, samples, width) for one in self._names}

    @property
    def _left(self) -> int:
        """Cells before the bars, which align with those of the finish times."""
        names = device_width(self._names)
        return CURSOR_WIDTH + names + gap(self.room.width) + _RATE_WIDTH + 1

    def draw(self, y: int, width: int) -> Line:
        """Draw a line of a device's bars."""
        if not self._names:
            return []
        lines = max(1, min(MOST_LINES, self.room.height // len(self._names)))
        number, line = divmod(y, lines)
        if number >= len(self._names):
            return []
        name = self._names[number]
        label = rate = ""
        if line == 0:
            label, rate = device_label(name, device_width(self._names)), quantity(self._rates[name])
        below = _FINEST * (lines - 1 - line)
        peak = max((max(bars, default=0.0) for bars in self._bars.values()), default=0.0)
        heights = [bar / peak * lines * _FINEST if peak else 0.0 for bar in self._bars[name]]
        bars = "".join(_LEVELS[max(0, min(_FINEST, round(one) - below))] for one in heights)
        names = self._left - CURSOR_WIDTH - _RATE_WIDTH - 1
        return [
            (f"{'':<{CURSOR_WIDTH}}{label:<{names}}", "strong"),
            (f"{rate:>{_RATE_WIDTH}} ", "dim"),
            (bars.rjust(width - self._left), "odd" if number % 2 else "even"),
        ]
