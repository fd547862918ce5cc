"""Drains and starts devices.

A drained device has no worker: its memory is free for others. Its worker ends at the next batch
boundary, because the device may be wanted now, and the batches that are done are kept. Its files
go to the other devices at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from heapq import heapify, heapreplace
from operator import attrgetter

from tui_balancer.formatting import plural
from tui_balancer.scheduler.actions.refusal import Refused
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
    for heir, share in zip(heirs, _shares(state, units, heirs), strict=True):
        if first:
            heir.put_first |= first.intersection(unit.unit_id for unit in share)
        heir.queue.arrange(_merged(heir, share), share)
        state.units.home.update(dict.fromkeys([unit.unit_id for unit in share], heir.device))
    state.note_queues((record, *heirs))
    return files


def _shares(
    state: SchedulerState, units: Sequence[Unit], heirs: Sequence[DeviceRecord]
) -> list[list[Unit]]:
    """Divide units among devices; those of a model among the devices that work with it."""
    pool, now = state.device_pool, state.clock()
    shares: list[list[Unit]] = [[] for _ in heirs]
    ends = [pool.remaining_seconds(one, now) or one.queue.cost / one.spec.weight for one in heirs]
    by_model: dict[int, list[Unit]] = {}
    for unit in sorted(units, key=attrgetter("cost"), reverse=True):
        by_model.setdefault(unit.model, []).append(unit)
    for model, own in by_model.items():
        speeds = [pool.rate(one, model) or one.spec.weight for one in heirs]
        takers = [
            number
            for number, one in enumerate(heirs)
            if model == one.model or model in one.queue.by_model
        ]
        heap = [(ends[one], -speeds[one], one) for one in takers or range(len(heirs))]
        if len(heap) == 1:
            _, minus_speed, number = heap[0]
            shares[number] += own
            ends[number] -= sum(unit.cost for unit in own) / minus_speed
            continue
        heapify(heap)
        for unit in own:
            end, minus_speed, number = heap[0]
            shares[number].append(unit)
            ends[number] = end - unit.cost / minus_speed
            heapreplace(heap, (ends[number], minus_speed, number))
    return shares


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
