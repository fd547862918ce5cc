"""The number of stolen files by pair of devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui_balancer.formatting import NONE, count
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import device_label, device_width

MOST_DEVICES = 8
"""With more devices than this, the pairs with the most steals are listed instead."""

_CELL = 7
_ROOM = 70
"""Maximum cells of node names if there are few."""


def matrix_text(steals: Counter[tuple[str, str]], devices: Sequence[str]) -> Content:
    """Return the pairs as a matrix: a row per giver, a column per receiver."""
    if not steals:
        return Content.styled("no steals yet", "$dim")
    if len(devices) > MOST_DEVICES:
        return Content("\n").join(
            Content.assemble((f"{number:>7,} ", "bold"), f"{source} {glyphs.ARROW} {target}")
            for (source, target), number in steals.most_common()
        )
    cell = max(_CELL, min(device_width(devices), _ROOM // (len(devices) + 1) - 1))
    names = {device: device_label(device, cell) for device in devices}
    head = "".join(f"{names[device]:>{cell + 1}}" for device in devices)
    lines = [Content.styled(f"{'from':<{cell}}{head}  given", "$dim")]
    for source in devices:
        cells: list[Content | tuple[str, str]] = [(f"{names[source]:<{cell}}", "bold")]
        for target in devices:
            number = steals[source, target]
            text = NONE if source == target else (count(number) if number else glyphs.DOT)
            style = "$text-accent" if number else "$foreground 40%"
            cells.append((f"{text:>{cell + 1}}", style))
        given = sum(number for pair, number in steals.items() if pair[0] == source)
        cells.append((f"{count(given):>7}", "" if given else "$foreground 40%"))
        lines.append(Content.assemble(*cells))
    received = "".join(
        f"{sum(number for pair, number in steals.items() if pair[1] == device):>{cell + 1},}"
        for device in devices
    )
    lines.append(Content.styled(f"{'got':<{cell}}{received}", "$dim"))
    return Content("\n").join(lines)


class PairMatrix(VerticalScroll, can_focus=False):
    """The pairs in a frame."""

    def __init__(self) -> None:
        super().__init__(id="pairs")
        self._text = Static()
        self._shown: object = None
        self.border_title = " Steals by device "

    def compose(self) -> ComposeResult:
        """Lay out one scrolling text."""
        yield self._text

    def show(self, steals: Counter[tuple[str, str]], devices: Sequence[str]) -> None:
        """Show the current numbers."""
        state = (steals.total(), tuple(devices))
        if state != self._shown:
            self._shown = state
            self._text.update(matrix_text(steals, devices))
