"""A run's interface for engines, whose devices come and go. Imports no dask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tui_balancer.devices.selection import SelectedDevice


class Membership(Protocol):
    """Tracks devices that come and go; called from the engine's threads."""

    def admit(self, device: SelectedDevice) -> bool:
        """Add a device that is new or returns; return False if it may not compute here."""

    def lost(self, device: str, reason: str, *, idle_only: bool = False) -> bool:
        """Give up a device for now, without a charge.

        Returns False if it was given up before, or has a lease and `idle_only`.
        """

    def absent(self) -> Sequence[str]:
        """Return the devices that should have a worker and have none."""

    def is_drained(self, device: str) -> bool:
        """Whether a device should have no worker until it is started again."""

    def waiting(self) -> int:
        """Return the number of waiting files."""

    def warn(self, line: str) -> None:
        """Issue a warning."""
