"""Which log is read."""

from __future__ import annotations

from typing import Final

from tui_balancer.ui.widgets.columns import Column
from tui_balancer.ui.widgets.row_list import RowList

COLUMNS: Final[tuple[Column[str], ...]] = (
    Column("", 8, lambda name, _: [(label_of(name), "plain")], flexible=True),
)


def label_of(name: str) -> str:
    """Return what a log file is called on the screen: a worker's by its device."""
    if name.startswith("worker-"):
        return name.removeprefix("worker-").replace("_", ":")
    return {"run": "the run", "app": "the program"}.get(name, name)


class LogNames(RowList[str]):
    """The logs of the run, of the program, and of each worker."""

    EMPTY = "no logs"

    def __init__(self) -> None:
        super().__init__(COLUMNS, heading=False, id="lognames")
        self.retitle("Logs")
