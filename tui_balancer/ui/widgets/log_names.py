"""The list of logs."""

from __future__ import annotations

import re
from typing import Final

from tui_balancer.ui.formatting import device_label
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.painting.row_list import RowList
from tui_balancer.ui.styles import Line


def _name_cell(name: str, width: int) -> Line:
    return [(device_label(label_of(name), width), "plain")]


COLUMNS: Final[tuple[Column[str], ...]] = (Column("", 8, _name_cell, flexible=True),)


def label_of(name: str) -> str:
    """Return the name of a log on the screen: the device for a worker's log."""
    if name.startswith("worker-"):
        device = re.sub(r"_(\d+)$", r":\1", name.removeprefix("worker-"))
        node, _, kind = device.rpartition("_")
        return f"{node}/{kind}" if node else kind
    return {"run": "the run", "app": "the program"}.get(name, name)


class LogNames(RowList[str]):
    """The logs of the run, of the program, and of each worker."""

    EMPTY = "no logs"

    def __init__(self) -> None:
        super().__init__(COLUMNS, heading=False, id="lognames")
        self.retitle("Logs")
