"""Drains and starts devices.

A drained device has no worker: its memory is free for others. Its worker ends at the next batch
boundary, because the device may be wanted now, and the batches that are done are kept. Its files
go to the other devices at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tui_balancer.formatting import plural
from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.actions.shares import share_by_end
from tui_balancer.scheduler.actions.undo import Undoable
from tui_balancer.scheduler.actions.waiting import BY_HAND
from tui_balancer.scheduler.events import DeviceEvent, SettingEvent
from tui_balancer.scheduler.model import DeviceState, Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState

ENDING = "its worker is ending"
"""The note of a device whose worker was told to end."""

UNDONE = "undone"


def drain(state: SchedulerState, record: DeviceRecord, reason: str) -> str | Undoable:
    """End a device's worker and give its waiting files to the others.

    Args:
        reason: Why, if no person requested it.
    """
    device = record.device
    if record.drained:
        raise Refused(f"{device} is already drained")
    if not record.live:
        raise Refused(f"{device} is {record.state.value}")
    record.drained, record.paused = True, False
    record.wanted.clear()
    if record.present:
        record.note = ENDING
        if record.leaving_since is None:
            record.leaving_since = state.clock()
    running = " after its batch in flight" if record.active is not None else ""
    files = share_out(state, record)
    text = f"{device} is drained{running}"
    if files:
        text = f"{text}; {plural(files, 'file')} {'goes' if files == 1 else 'go'} to other devices"
    elif not state.device_pool.live:
        text = f"{text}; no device is left, the run waits until one is started"
    _note(state, f"{text} ({reason or BY_HAND})")
    if not record.present:
        record.absence.begin(state.clock())
        state.log.add(DeviceEvent, device, DeviceState.DRAINED, "it has no worker")
    return text if reason else Undoable(text, partial(_start_again, device=device))


def start(state: SchedulerState, record: DeviceRecord, reason: str) -> str | Undoable:
    """Let a drained or dead device have a worker again; `reason` as for `drain`."""
    device = record.device
    if record.live or record.left:
        raise Refused(f"{device} is {record.state.value}: only drained and dead ones are started")
    record.drained = record.dead = record.paused = False
    record.absence.end(state.clock())
    record.strikes = 0
    record.note = ENDING if record.present else ""
    for other in state.device_pool:
        if other.drained:
            share_out(state, other)
    after = " once its last worker has ended" if record.present else ""
    _note(state, f"{device} starts{after} ({reason or BY_HAND})")
    text = f"{device} starts{after}"
    return text if reason else Undoable(text, partial(_drain_again, device=device))


def share_out(state: SchedulerState, record: DeviceRecord) -> int:
    """Give the waiting files of a device to the others; return their number.

    Each unit, the largest first, goes to the device that finishes first, and takes its place by
    size there. Without another live device they stay.
    """
    pool, queue = state.device_pool, record.queue
    at_work = [one for one in pool.at_work if one is not record]
    heirs = at_work or [one for one in pool.live if one is not record]
    if not (heirs and queue):
        return 0
    files = queue.files
    units = queue.take_all()
    first, record.put_first = record.put_first, set()
    for heir, share in share_by_end(state, units, heirs):
        if first:
            heir.put_first |= first.intersection(unit.unit_id for unit in share)
        heir.queue.arrange(_merged(heir, share), share)
        state.units.home.put([unit.unit_id for unit in share], heir.device)
    state.note_queues((record, *heirs))
    return files


def _merged(heir: DeviceRecord, share: Sequence[Unit]) -> list[Unit]:
    """Return a queue with more units: before smaller ones, those put first before all."""
    first = heir.put_first
    order = [unit for unit in share if unit.unit_id in first] if first else []
    rest = [unit for unit in share if unit.unit_id not in first] if first else [*share]
    rest.reverse()
    largest = rest[-1].cost if rest else 0.0
    for unit in heir.queue:
        if unit.cost < largest and unit.unit_id not in first:
            while rest and rest[-1].cost > unit.cost:
                order.append(rest.pop())
            largest = rest[-1].cost if rest else 0.0
        order.append(unit)
    return order + rest[::-1]


def _start_again(state: SchedulerState, device: str) -> str:
    record = state.device_pool[device]
    if not record.drained:
        raise Refused(f"nothing to undo: {device} was started again")
    return str(start(state, record, UNDONE))


def _drain_again(state: SchedulerState, device: str) -> str:
    record = state.device_pool[device]
    if not record.live:
        raise Refused(f"nothing to undo: {device} is {record.state.value}")
    return str(drain(state, record, UNDONE))


def _note(state: SchedulerState, text: str) -> None:
    """Log a change of the devices."""
    state.log.add(SettingEvent, text)
    state.balancer.forget()
    state.changed()
