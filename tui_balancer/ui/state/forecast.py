"""Estimates when devices finish, now and after a move, from measured rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui_balancer.scheduler.model import DeviceMetrics, DeviceState

CLOSED = (DeviceState.DRAINED, DeviceState.DEAD, DeviceState.STOPPED)
"""Devices in these states no longer compute in this run, unless they are started again."""

HELD = (*CLOSED, DeviceState.PAUSED)

LATE = 1.1
"""A device that needs more than this multiple of the bound is late."""


def fluid_end(devices: Sequence[DeviceMetrics]) -> float | None:
    """Return the bound: the seconds that the active devices need for all remaining work.

    Assumes perfectly divisible work: Σ remaining FLOPs / Σ FLOP/s. None if no device is active
    or no rate is known.
    """
    flow = sum(one.rate for one in devices if one.rate and one.state not in HELD)
    if not flow:
        return None
    left = sum(one.finish_seconds * one.rate for one in devices if one.rate and one.finish_seconds)
    return left / flow


def end_after(device: DeviceMetrics, cost: float) -> float | None:
    """Return when a device finishes with so many FLOPs more (or fewer) in its queue."""
    if not device.rate or device.finish_seconds is None:
        return None
    return max(0.0, device.finish_seconds + cost / device.rate)


def last_end(devices: Sequence[DeviceMetrics], changes: Mapping[str, float]) -> float | None:
    """Return when the last device finishes without further steals.

    Args:
        devices: All devices.
        changes: FLOPs added to each device's queue, negative if removed.
    """
    ends = [
        end
        for one in devices
        if one.state not in HELD
        if (end := end_after(one, changes.get(one.device, 0.0))) is not None
    ]
    return max(ends, default=None)
