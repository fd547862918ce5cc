"""Where files are to wait instead."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_balancer.balance.model import DeviceMetrics, DeviceState, Unit
from tui_balancer.formatting import count, estimate, plural, quantity
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.dialog import Dialog
from tui_balancer.ui.formatting import shorten

_CLOSED = {DeviceState.DEAD, DeviceState.STOPPED}


def device_line(device: DeviceMetrics) -> str:
    """Return what helps to choose a device: its state, what waits for it, when it is through."""
    state = f"{glyphs.DEVICE_STATES[device.state]} {device.state.value}"
    files = f"{count(device.queued_files):>8} waiting"
    finish = f"ends in {estimate(device.finish_seconds):>8}"
    return f"{device.device:<8} {state:<11}{files}  {finish}"


class MoveDialog(Dialog[str | None]):
    """A list of devices; the answer is the id of the chosen one.

    Args:
        units: What is to be moved; at least one.
        devices: All devices; dead and stopped ones cannot be chosen.
        source: The device where all of the units wait now, which cannot be chosen either;
            None where they may wait in several queues.
    """

    def __init__(
        self, units: Sequence[Unit], devices: Sequence[DeviceMetrics], source: str | None
    ) -> None:
        super().__init__()
        self._units = units
        self._devices = devices
        self._source = source

    def compose(self) -> ComposeResult:
        """Say what moves, then offer the devices."""
        options = [
            Option(
                Content(device_line(device)),
                id=device.device,
                disabled=device.state in _CLOSED or device.device == self._source,
            )
            for device in self._devices
        ]
        with Vertical(classes="dialog") as box:
            box.border_title = "Move to another device"
            box.border_subtitle = "enter moves · escape cancels"
            yield Static(self._what(), markup=False)
            yield OptionList(*options, compact=True)

    def _what(self) -> str:
        sequences = plural(sum(unit.sequences for unit in self._units), "sequence")
        residues = quantity(sum(unit.residues for unit in self._units))
        if len(self._units) == 1:
            what = shorten(self._units[0].name, 40)
        else:
            what = plural(len(self._units), "tagged file")
        return f"{what}: {sequences}, {residues} residues"

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
