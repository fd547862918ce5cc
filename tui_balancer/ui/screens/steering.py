"""The keys that control the run from every tab."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Final

from textual.screen import Screen

from tui_balancer.formatting import listed
from tui_balancer.inputs.finding.patterns import absolute_pattern
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.scheduler.commands import (
    AddFiles,
    Command,
    DrainDevice,
    PauseAll,
    PauseDevice,
    ResumeAll,
    ResumeDevice,
    SetPolicy,
    StartDevice,
    Undo,
)
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, PolicySettings
from tui_balancer.scheduler.policy.rule_settings import lowered, raised
from tui_balancer.ui.dialogs.add_dialog import AddDialog
from tui_balancer.ui.dialogs.threshold_dialog import ThresholdDialog
from tui_balancer.ui.poller import RunPoller
from tui_balancer.ui.state.screen_state import ScreenState

_NAMED: Final = 4
"""Maximum number of devices that the dialog names."""


class SteeringScreen(Screen[None]):
    """Sends commands for the selected device, for all devices, and for the stealing policy.

    Attributes:
        run_state: What is known of the run.
    """

    def __init__(self, link: RunPoller, run_state: ScreenState) -> None:
        super().__init__()
        self.run_state = run_state
        self._link = link
        self._policy_asked: PolicySettings | None = None
        self._policies_open = 0

    @property
    @abstractmethod
    def device(self) -> DeviceMetrics | None:
        """The selected device in its current state."""

    def send(self, command: Command) -> None:
        """Send a command to the run."""
        self._link.send(command)

    def policy_answered(self) -> None:
        """Use the run's settings again, once a picture reflects the answers."""
        self._policies_open -= 1

    def settle_policy(self) -> None:
        """Note that a picture has come."""
        if not self._policies_open:
            self._policy_asked = None

    def _with_device(self) -> DeviceMetrics | None:
        if self.device is None:
            self.notify("Select a device first.", title="No device")
        return self.device

    def action_pause_device(self) -> None:
        """Pause the selected device."""
        if (device := self._with_device()) is not None:
            self.send(PauseDevice(device.device))

    def action_resume_device(self) -> None:
        """Resume the selected device."""
        if (device := self._with_device()) is not None:
            self.send(ResumeDevice(device.device))

    def action_drain_device(self) -> None:
        """End the worker of the selected device, which frees its memory."""
        if (device := self._with_device()) is not None:
            self.send(DrainDevice(device.device))

    def action_start_device(self) -> None:
        """Start the worker of the selected device again."""
        if (device := self._with_device()) is not None:
            self.send(StartDevice(device.device))

    def action_pause_all(self) -> None:
        """Pause all devices."""
        self.send(PauseAll())

    def action_resume_all(self) -> None:
        """Resume all devices."""
        self.send(ResumeAll())

    def action_undo(self) -> None:
        """Undo the last change."""
        self.send(Undo())

    def action_raise_threshold(self) -> None:
        """Raise the threshold by a step."""
        self._step_threshold(up=True)

    def action_lower_threshold(self) -> None:
        """Lower the threshold by a step."""
        self._step_threshold(up=False)

    def _step_threshold(self, *, up: bool) -> None:
        snapshot = self.run_state.snapshot
        if snapshot is None:
            return
        # Key presses arrive faster than pictures: each step starts from the last one requested.
        current = self._policy_asked or snapshot.policy
        wanted = raised(current) if up else lowered(current)
        if wanted == current:
            end = "highest" if up else "lowest"
            self.notify(f"The threshold is at its {end} step.", title="No change")
            return
        self._set_policy(wanted)

    def _set_policy(self, settings: PolicySettings) -> None:
        self._policy_asked = settings
        self._policies_open += 1
        self.send(SetPolicy(settings))

    def action_edit_threshold(self) -> None:
        """Open the dialog with the policy's numbers."""
        snapshot = self.run_state.snapshot
        if snapshot is None:
            return

        def answered(settings: PolicySettings | None) -> None:
            if settings is not None:
                self._set_policy(settings)

        self.app.push_screen(ThresholdDialog(snapshot.policy), answered)

    def action_add_files(self) -> None:
        """Ask for inputs and add them."""

        def answered(pattern: str | None) -> None:
            if pattern is not None:
                self.send(AddFiles((absolute_pattern(pattern),)))

        here = f"in {terminal_safe(str(Path.cwd()))}"
        dialog = AddDialog("Add files", "A FASTA file, a folder or a glob:", here, "a path")
        self.app.push_screen(dialog, answered)

    def action_add_device(self) -> None:
        """Ask for a device that the run does not have, and start it."""

        def answered(name: str | None) -> None:
            if name is not None:
                self.send(StartDevice(name))

        snapshot = self.run_state.snapshot
        names = [one.device for one in snapshot.devices] if snapshot is not None else []
        there = f"in the run: {listed(names, _NAMED)}"
        dialog = AddDialog(
            "Add a device", "Its name (cuda:N, cuda:N/M, mps or cpu:N):", there, "a name"
        )
        self.app.push_screen(dialog, answered)

    def offered_pauses(self) -> dict[str, bool]:
        """Return which of the paired actions on one key has an effect now."""
        device, snapshot = self.device, self.run_state.snapshot
        device_paused = device is not None and device.state is DeviceState.PAUSED
        off = device is not None and device.state in (DeviceState.DRAINED, DeviceState.DEAD)
        all_paused = snapshot is not None and snapshot.paused
        return {
            "pause_device": not device_paused,
            "resume_device": device_paused,
            "drain_device": not off,
            "start_device": off,
            "pause_all": not all_paused,
            "resume_all": all_paused,
        }
