"""Handles the death of a worker: its unit and the restart of its device."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.failures import Failure, FailureCause
from tui_balancer.scheduler.actions.completion import fail, give_back, unbundle
from tui_balancer.scheduler.events import DeviceEvent
from tui_balancer.scheduler.model import DeviceState, ReturnCause
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease
from tui_balancer.scheduler.state.state import SchedulerState


def worker_died(state: SchedulerState, record: DeviceRecord, reason: str, *, charged: bool) -> bool:
    """See `WorkStealingCoordinator.worker_died`."""
    record.present = record.ready = record.held_up = False
    lost = [one for one in (record.active, *record.behind) if one and not one.claimed]
    record.active = None
    record.behind = [one for one in record.behind if one.claimed]
    leaving, record.leaving_since = record.leaving_since is not None, None
    if state.over or state.ending:
        record.left = True
        for active in lost:
            give_back(state, active, ReturnCause.WORKER_DIED, reason, to=record)
        state.announce(record, reason)
        return False
    if leaving or record.drained:
        return _left(state, record, lost, reason)
    record.strikes += 1
    poisonous = bool(lost) and charged and _blame(state, lost[0])
    record.dead = record.strikes > state.max_restarts
    fallback = state.device_pool.fallback(record, stealing=state.balancer.stealing)
    # A unit that it was writing did not cause the death.
    for active in lost[1:]:
        give_back(state, active, ReturnCause.WORKER_DIED, reason, to=fallback)
    if lost and not poisonous:
        give_back(state, lost[0], ReturnCause.WORKER_DIED, reason, to=fallback, charged=charged)
    elif lost and lost[0].lease.unit.parts:
        unbundle(state, lost[0], reason, to=fallback)
    elif lost:
        text = f"killed {state.poison_limit} workers, the last one: {reason}"
        fail(state, lost[0], Failure(text, FailureCause.KILLED_WORKERS))
    if record.dead:
        record.note = reason
        state.announce(record, f"given up after {record.restarts} restarts: {reason}")
    else:
        record.restarts += 1
        state.announce(record, f"worker died: {reason}; restart {record.restarts}")
    return not record.dead


def _left(
    state: SchedulerState, record: DeviceRecord, lost: Sequence[ActiveLease], reason: str
) -> bool:
    """Handle the end of a worker that was told to end; return whether to start another.

    Its device may have been started again meanwhile.
    """
    for active in reversed(lost):
        give_back(state, active, ReturnCause.DRAINED, reason, to=state.heir(record))
    record.note = ""
    if record.drained:
        record.absence.begin(state.clock())
    state.log.add(DeviceEvent, record.device, DeviceState.DRAINED, "its worker has ended")
    state.balancer.forget()
    state.changed()
    return not record.drained


def device_lost(
    state: SchedulerState, record: DeviceRecord, reason: str, *, idle_only: bool
) -> bool:
    """See `WorkStealingCoordinator.device_lost`."""
    held = [one for one in (record.active, *record.behind) if one]
    if not record.live or (held and idle_only):
        return False
    record.present = record.ready = record.held_up = False
    record.dead = True
    record.note = reason
    lost = [one for one in held if not one.claimed]
    record.active = None
    record.behind = [one for one in record.behind if one.claimed]
    fallback = state.device_pool.fallback(record, stealing=state.balancer.stealing)
    for active in reversed(lost):
        give_back(state, active, ReturnCause.WORKER_DIED, reason, to=fallback)
    state.announce(record, reason)
    return True


def device_back(state: SchedulerState, record: DeviceRecord) -> bool:
    """See `WorkStealingCoordinator.device_back`."""
    if record.drained or record.strikes > state.max_restarts:
        return False
    if record.dead:
        record.dead = False
        record.note = ""
        state.announce(record, "is back")
    return True


def _blame(state: SchedulerState, active: ActiveLease) -> bool:
    """Charge a death to the unit; return whether it has killed too many workers.

    A unit that killed workers on two devices is the cause, so these deaths do not count against
    the devices; one that died twice on the same device may be the victim of that device. For a
    bundle they do not count either: its files are tried individually.
    """
    unit_id = active.lease.unit.unit_id
    killed = state.units.killed.setdefault(unit_id, [])
    killed.append(active.lease.device)
    if state.units.killed_before.get(unit_id, 0) + len(killed) < state.poison_limit:
        return False
    if len(set(killed)) > 1 or active.lease.unit.parts:
        for device in killed:
            state.device_pool[device].strikes -= 1
    return True
