"""Explains the efficiency in the header, and which devices lower it."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from tui_balancer.formatting import percent
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog, field, heading
from tui_balancer.view.handle import RunSnapshot

WELL_USED = 0.9
"""Devices that compute less of the time than this are listed."""


def efficiency_dialog(snapshot: Callable[[], RunSnapshot | None]) -> DetailDialog:
    """Return a page that explains the run's current efficiency."""

    def page() -> list[Content]:
        return efficiency_page(now) if (now := snapshot()) is not None else []

    return DetailDialog("Efficiency", page, "tui-balancer manual efficiency")


def efficiency_page(snapshot: RunSnapshot) -> list[Content]:
    """Return the lines of the page."""
    share = snapshot.efficiency
    if share is None:
        return [field("Efficiency", "Not known before the first file is done.")]
    lines = [
        field(
            "Efficiency",
            (percent(share), "bold"),
            f". If no device had ever waited, the work done so far would have taken "
            f"{percent(share)} of the time since the first file started.",
        ),
    ]
    idle = [line for one in snapshot.devices if (line := _shortfall(one)) is not None]
    if idle:
        lines += [Content(""), heading("Devices that do not compute all the time now"), *idle]
    return lines


def _shortfall(device: DeviceMetrics) -> Content | None:
    """Return why a device does not compute; None if it does."""
    if device.state is not DeviceState.BUSY:
        note = f": {device.note}" if device.note else ""
        return field(device.device, f"{device.state.value}{note}")
    if device.utilisation is None or device.utilisation >= WELL_USED:
        return None
    return field(device.device, f"computes {percent(device.utilisation)} of the time")
