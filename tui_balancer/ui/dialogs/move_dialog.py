"""Dialog to move files to another device; shows the effect on the finish time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_balancer.formatting import count, estimate, plural, quantity
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Unit
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.dialog import Choices, Dialog
from tui_balancer.ui.formatting import shorten
from tui_balancer.ui.state.forecast import CLOSED, end_after, last_end


def device_line(device: DeviceMetrics, coming: float) -> str:
    """Return a device's line: state, waiting files, ETA without and with the move."""
    state = f"{glyphs.DEVICE_STATES[device.state]} {device.state.value}"
    files = f"{count(device.queued_files):>7} waiting"
    now, then = estimate(device.finish_seconds), estimate(end_after(device, coming))
    return f"{device.device:<8} {state:<10}{files}  ETA {now:>7} {glyphs.ARROW} {then}"


class MoveDialog(Dialog[str | None]):
    """A list of devices; the answer is the id of the selected one.

    Args:
        units: The units to move; at least one.
        devices: All devices; dead and stopped ones cannot be selected, nor can the one where all
            of the units wait now.
        costs: FLOPs of the units, by the device where they wait.
        what: Description of several units: `3 tagged files`.
        share: Whether to share a running file: the device takes a part of it.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        devices: Sequence[DeviceMetrics],
        costs: Mapping[str, float],
        *,
        what: str = "",
        share: bool = False,
    ) -> None:
        super().__init__()
        self._named = what or shorten(units[0].name, 40)
        self._share = share
        self._units = units
        self._devices = devices
        self._costs = costs
        self._source = next(iter(costs)) if len(costs) == 1 else None
        self._offer = Choices(
            *(
                Option(
                    Content(device_line(device, self._coming(device.device))),
                    id=device.device,
                    disabled=not self._choosable(device),
                )
                for device in devices
            ),
            compact=True,
        )
        self._forecast = Static(markup=False, id="forecast")

    def compose(self) -> ComposeResult:
        """Show the units, the devices, and the effect of the selection."""
        with Vertical(classes="dialog") as box:
            what, verb = "Move to another device", "moves"
            if self._share:
                what, verb = "Share the running file with another device", "shares"
            box.border_title = what
            box.border_subtitle = f"enter {verb} · escape cancels"
            yield Static(self._what(), markup=False)
            yield self._offer
            yield self._forecast

    def on_mount(self) -> None:
        """Select the device that would finish first."""
        self._offer.highlighted = self._best()
        self._offer.focus()

    def _choosable(self, device: DeviceMetrics) -> bool:
        return device.state not in CLOSED and device.device != self._source

    def _coming(self, device: str) -> float:
        """Return the FLOPs that a device's queue would grow by."""
        return sum(self._costs.values()) - self._costs.get(device, 0.0)

    def _best(self) -> int | None:
        ends = []
        for place, device in enumerate(self._devices):
            end = end_after(device, self._coming(device.device))
            if self._choosable(device):
                paused = device.state is DeviceState.PAUSED
                ends.append((paused, inf if end is None else end, device.queued_cost, place))
        return min(ends)[-1] if ends else None

    def _what(self) -> str:
        sequences = plural(sum(unit.sequences for unit in self._units), "sequence")
        residues = quantity(sum(unit.residues for unit in self._units))
        return f"{self._named}: {sequences}, {residues} residues"

    @on(OptionList.OptionHighlighted)
    def _foresee(self, event: OptionList.OptionHighlighted) -> None:
        target = event.option_id
        changes = {device: -cost for device, cost in self._costs.items()}
        if target is not None:
            changes[target] = self._coming(target)
        now, then = last_end(self._devices, {}), last_end(self._devices, changes)
        text = f"The last device finishes, without steals, in: {estimate(now)}"
        self._forecast.update(f"{text} {glyphs.ARROW} {estimate(then)}")

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
