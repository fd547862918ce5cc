"""What the engine of a cluster wants of the run, whose devices come and go. No dask here."""

from __future__ import annotations

from typing import Protocol

from tui_balancer.devices.selection import SelectedDevice


class Membership(Protocol):
    """What the run knows of devices that come and go; called from threads of the engine's."""

    def admit(self, device: SelectedDevice) -> bool:
        """Take in a device that is new or comes back; False if it may not compute here."""

    def lost(self, device: str, reason: str, *, idle_only: bool = False) -> bool:
        """Give up a device for now, and nobody is to blame.

        False if it was given up before, or has a lease and `idle_only`.
        """

    def waiting(self) -> int:
        """Return how many files wait."""

    def warn(self, line: str) -> None:
        """Tell a person."""
