"""Refused commands."""

from __future__ import annotations

from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState


class Refused(Exception):
    """A command that cannot be executed; the message is the reason."""


def known_device(state: SchedulerState, device: str) -> DeviceRecord:
    """Return the record of a device of the run.

    Raises:
        Refused: There is none.
    """
    record = state.device_pool.get(device)
    if record is None:
        raise Refused(f"there is no device {device}")
    return record


def live_device(state: SchedulerState, device: str) -> DeviceRecord:
    """Return the record of a live device.

    Raises:
        Refused: There is none, or it is dead or drained.
    """
    record = known_device(state, device)
    if record.drained:
        raise Refused(f"{device} is drained: start it first")
    if not record.live:
        raise Refused(f"{device} is {record.state.value}")
    return record
