"""Chart of the run's throughput over time."""

from __future__ import annotations

from math import ceil
from typing import Final

from tui_balancer.formatting import quantity
from tui_balancer.ui import glyphs
from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.painting.row_list import CURSOR_WIDTH, gap
from tui_balancer.ui.state.run_throughput import RunThroughput
from tui_balancer.ui.styles import Line
from tui_balancer.ui.widgets.tracks import Window, fitting_step, time_labels

LEAST_ROWS: Final = 7
"""Minimum lines, with frame and times, for a useful chart."""

_LEVELS: Final = f" {glyphs.SPARKS}"
_SHADED: Final = str.maketrans(glyphs.SPARKS, "   " + glyphs.LIGHT * 5)
_FINEST: Final = len(glyphs.SPARKS)


class ThroughputChart(Painted):
    """Residues per second of all devices, a bar for each cell of a window.

    For the time before the screen was opened only the average is known; it is shaded.

    Args:
        throughput: The measurements.
    """

    EMPTY: Final = "no throughput measured"

    def __init__(self, throughput: RunThroughput) -> None:
        super().__init__(classes="chart total")
        self._throughput = throughput
        self._left = 0
        self._window = Window(1.0, 0, 0)
        self._rates: list[float | None] = []
        self._fitted: tuple[float, int] | None = None
        self._shown: tuple[Window, int, float] | None = None
        self.retitle("Throughput")

    def show(self, window: Window, left: int) -> None:
        """Show a window of time.

        Args:
            left: Cells at the left for the numbers.
        """
        shown = (window, left, self._throughput.until)
        if shown == self._shown:
            return
        self._shown, self._window, self._left = shown, window, left
        rate, step = self._throughput.rate, window.step
        cells = range(window.first, window.first + window.width)
        self._rates = [rate(number * step, (number + 1) * step) for number in cells]
        of = f", {glyphs.LIGHT} on average" if self._throughput.since else " of all devices"
        self.retitle("Throughput", f"residues/s{of}")
        self.repaint_changes()

    def fit(self, seconds: float, names: int) -> None:
        """Show the whole run at full width.

        Args:
            seconds: Elapsed time of the run.
            names: Width of the device names in the list above, in cells, to align the bars.
        """
        self._fitted = seconds, names
        left = CURSOR_WIDTH + names + gap(self.room.width)
        width = max(1, self.room.width - left)
        self.show(Window(fitting_step(seconds, width), 0, width), left)

    def on_resize(self) -> None:
        """Fill the new width."""
        if self._fitted is not None:
            self.fit(*self._fitted)

    def draw(self, y: int, width: int) -> Line:
        """Draw a row of the bars, or the times below."""
        rows = self.room.height - 1
        peak = max((rate for rate in self._rates if rate is not None), default=0.0)
        if not peak:
            return [(f"{'':<{self._left}}{self.EMPTY}" if y == 0 else "", "dim")]
        if y == rows:
            return [(f"{'':<{self._left}}{time_labels(self._window)}"[:width], "dim")]
        label = {0: quantity(peak), rows - 1: "0"}.get(y, "")
        below = _FINEST * (rows - 1 - y)
        bars = "".join(
            _LEVELS[max(0, min(_FINEST, round((rate or 0.0) / peak * rows * _FINEST) - below))]
            for rate in self._rates
        )
        window = self._window
        seen = max(0, ceil(self._throughput.since / window.step) - window.first)
        number = f"{label:>{max(0, self._left - 1)}} "
        return [(number, "dim"), (bars[:seen].translate(_SHADED), "dim"), (bars[seen:], "even")]
