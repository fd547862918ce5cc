"""When devices will end, now and after a move: plain arithmetic on what is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui_balancer.scheduler.model import DeviceMetrics, DeviceState

CLOSED = (DeviceState.DEAD, DeviceState.STOPPED)
"""Devices in these states compute nothing any more in this run."""

HELD = (*CLOSED, DeviceState.PAUSED)

LATE = 1.1
"""A device that ends this much after the bound is behind."""


def fluid_end(devices: Sequence[DeviceMetrics]) -> float | None:
    """Return the seconds in which the devices at work could do all that is left.

    The bound: the work poured over them at their rates, Σ remaining FLOPs / Σ FLOP/s. None
    where nobody works or no rate is known.
    """
    flow = sum(one.rate for one in devices if one.rate and one.state not in HELD)
    if not flow:
        return None
    left = sum(one.finish_seconds * one.rate for one in devices if one.rate and one.finish_seconds)
    return left / flow


def end_after(device: DeviceMetrics, cost: float) -> float | None:
    """Return when a device ends with so many FLOPs more (or fewer) in its queue."""
    if not device.rate or device.finish_seconds is None:
        return None
    return max(0.0, device.finish_seconds + cost / device.rate)


def last_end(devices: Sequence[DeviceMetrics], changes: Mapping[str, float]) -> float | None:
    """Return when the last device ends, if nothing more is stolen.

    Args:
        devices: All devices.
        changes: FLOPs that come to a device's queue, negative where they leave it.
    """
    ends = [
        end
        for one in devices
        if one.state not in HELD
        if (end := end_after(one, changes.get(one.device, 0.0))) is not None
    ]
    return max(ends, default=None)
