"""Pausing devices, and resuming them."""

from __future__ import annotations

from tui_balancer.scheduler.actions.queue_edits import BY_HAND
from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState


def pause(state: SchedulerState, record: DeviceRecord) -> str:
    """Pause one device after its batch in flight."""
    if record.paused:
        raise Refused(f"{record.device} is paused already")
    _pause(state, record)
    running = record.active is not None
    return f"{record.device} is paused" + (" after its batch in flight" if running else "")


def resume(state: SchedulerState, record: DeviceRecord) -> str:
    """Resume one device."""
    if not record.paused:
        raise Refused(f"{record.device} is not paused")
    _resume(state, record)
    return f"{record.device} is resumed"


def pause_all(state: SchedulerState, reason: str) -> str:
    """Pause every device after its batch in flight."""
    at_work = state.device_pool.at_work
    if not at_work:
        raise Refused("all devices are paused already")
    for record in at_work:
        _pause(state, record, reason)
    return "all devices are paused"


def resume_all(state: SchedulerState, reason: str) -> str:
    """Resume every paused device."""
    if not resume_paused(state, reason):
        raise Refused("no device is paused")
    return "all devices are resumed"


def resume_paused(state: SchedulerState, reason: str = "") -> bool:
    """Resume every paused device; return whether there was any."""
    paused = [record for record in state.device_pool.live if record.paused]
    for record in paused:
        _resume(state, record, reason)
    return bool(paused)


def _pause(state: SchedulerState, record: DeviceRecord, reason: str = "") -> None:
    record.paused = True
    state.announce(record, reason or BY_HAND)


def _resume(state: SchedulerState, record: DeviceRecord, reason: str = "") -> None:
    record.paused = False
    if record.active is not None and record.active.held:
        record.active.held = False
        record.active.reported = state.clock()
    state.announce(record, reason or f"resumed {BY_HAND}")
