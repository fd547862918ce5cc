"""Devices that join a run late or return."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.notices import Notice
from tui_balancer.run.prepare.precision import choose_precision
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import DeviceSpec

_log = logging.getLogger(__name__)


class Newcomers:
    """Adds devices that join a run late or return; see `Membership`.

    Args:
        coordinator: The coordinator of the devices.
        devices: The run's devices by name; those that join are added.
        embedding: Settings that every device must support.
        spec: Returns the coordinator's view of a device.
    """

    def __init__(
        self,
        coordinator: WorkStealingCoordinator,
        devices: dict[str, SelectedDevice],
        embedding: EmbeddingSettings,
        spec: Callable[[SelectedDevice], DeviceSpec],
    ) -> None:
        self._coordinator = coordinator
        self._devices = devices
        self._embedding = embedding
        self._spec = spec

    def admit(self, device: SelectedDevice) -> bool:
        """See `Membership.admit`."""
        if device.device in self._devices:
            return self._coordinator.device_back(device.device)
        try:
            choose_precision(
                self._embedding.precision, [device], reference=self._embedding.reference
            )
        except UserError:
            self.warn(
                f"{device.device} ({device.name}) joined, but cannot compute in the run's "
                f"{self._embedding.precision}"
            )
            return False
        self._devices[device.device] = device
        self._coordinator.add_device(self._spec(device))
        return True

    def lost(self, device: str, reason: str, *, idle_only: bool = False) -> bool:
        """See `Membership.lost`."""
        return self._coordinator.device_lost(device, reason, idle_only=idle_only)

    def absent(self) -> tuple[str, ...]:
        """See `Membership.absent`."""
        return self._coordinator.absent()

    def is_drained(self, device: str) -> bool:
        """See `Membership.is_drained`."""
        return self._coordinator.is_drained(device)

    def waiting(self) -> int:
        """See `Membership.waiting`."""
        return self._coordinator.totals().waiting

    def warn(self, line: str) -> None:
        """See `Membership.warn`."""
        _log.warning("%s", line)
        self._coordinator.warn(Notice(line))
