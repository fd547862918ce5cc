"""Pauses and resumes devices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tui_balancer.formatting import listed
from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.actions.undo import Undoable
from tui_balancer.scheduler.actions.waiting import BY_HAND
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState


def pause(state: SchedulerState, record: DeviceRecord) -> Undoable:
    """Pause one device after its batch in flight."""
    if record.paused:
        raise Refused(f"{record.device} is already paused")
    _pause(state, record)
    running = record.active is not None
    text = f"{record.device} is paused" + (" after its batch in flight" if running else "")
    return Undoable(text, partial(_resume_again, devices=(record.device,)))


def resume(state: SchedulerState, record: DeviceRecord) -> Undoable:
    """Resume one device."""
    if not record.paused:
        raise Refused(f"{record.device} is not paused")
    _resume(state, record)
    return Undoable(f"{record.device} is resumed", partial(_pause_again, devices=(record.device,)))


def pause_all(state: SchedulerState, reason: str) -> str | Undoable:
    """Pause every device after its batch in flight; with a `reason` if no person requested it."""
    at_work = state.device_pool.at_work
    if not at_work:
        paused = bool(state.device_pool.live)
        raise Refused("all devices are already paused" if paused else "no device has a worker")
    devices = [record.device for record in at_work]
    for record in at_work:
        _pause(state, record, reason)
    text = "all devices are paused"
    return text if reason else Undoable(text, partial(_resume_again, devices=devices))


def resume_all(state: SchedulerState, reason: str) -> str | Undoable:
    """Resume every paused device; with a `reason` if no person requested it."""
    devices = resume_paused(state, reason)
    if not devices:
        raise Refused("no device is paused")
    text = "all devices are resumed"
    return text if reason else Undoable(text, partial(_pause_again, devices=devices))


def resume_paused(state: SchedulerState, reason: str = "") -> list[str]:
    """Resume every paused device; return them."""
    paused = [record for record in state.device_pool.live if record.paused]
    for record in paused:
        _resume(state, record, reason)
    return [record.device for record in paused]


def _resume_again(state: SchedulerState, devices: Sequence[str]) -> str:
    paused = [one for one in _live(state, devices) if one.paused]
    if not paused:
        raise Refused("nothing to undo: what was paused has been resumed, or is dead")
    for record in paused:
        _resume(state, record)
    return _are(paused, "resumed")


def _pause_again(state: SchedulerState, devices: Sequence[str]) -> str:
    running = [one for one in _live(state, devices) if not one.paused]
    if not running:
        raise Refused("nothing to undo: what was resumed is paused again, or dead")
    for record in running:
        _pause(state, record)
    return _are(running, "paused")


def _live(state: SchedulerState, devices: Sequence[str]) -> list[DeviceRecord]:
    return [record for record in state.device_pool.live if record.device in devices]


def _are(records: Sequence[DeviceRecord], what: str) -> str:
    names = listed([record.device for record in records], 3)
    return f"{names} {'is' if len(records) == 1 else 'are'} {what}"


def _pause(state: SchedulerState, record: DeviceRecord, reason: str = "") -> None:
    record.paused = True
    state.announce(record, reason or BY_HAND)


def _resume(state: SchedulerState, record: DeviceRecord, reason: str = "") -> None:
    record.paused = False
    if record.active is not None and record.active.held:
        record.active.held = False
        record.active.reported = state.clock()
    state.announce(record, reason or f"resumed {BY_HAND}")
