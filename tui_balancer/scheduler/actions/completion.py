"""Ends leases: with outputs, with a failure, or with the unit waiting again.

Each end leaves the unit in exactly one place and logs its event. `sharing` ends one of several
leases of a unit while the others continue.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tui_balancer.failures import Failure
from tui_balancer.scheduler.events import DoneEvent, FailureEvent, ReturnEvent, UnbundleEvent
from tui_balancer.scheduler.model import ReturnCause, Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease
from tui_balancer.scheduler.state.state import SchedulerState


def complete(
    state: SchedulerState,
    active: ActiveLease,
    compute_seconds: float,
    failures: Mapping[int, Failure],
) -> None:
    """End a lease with outputs in place.

    Args:
        compute_seconds: Seconds with batches in flight.
        failures: Why files of a bundle have no output, by number.
    """
    record = state.device_pool[active.lease.device]
    unit = active.lease.unit
    shared = state.units.active[unit.unit_id].shared
    record.completed(active, state.clock(), failed_files=len(failures), shared=shared)
    state.device_pool.learn_from(record)
    # A part of the work says nothing about the whole.
    partly = shared or active.restored or failures or unit.shards
    predicted = None if partly else active.predicted
    if predicted is not None:
        record.calibrations[unit.model].learn(unit, active.rate, compute_seconds)
    _finish(state, active, failures.keys())
    for part in unit.parts:
        if part.unit_id in failures:
            _log_failure(state, part, record.device, failures[part.unit_id])
    if len(failures) == unit.files:
        return
    done = tuple(part.unit_id for part in unit.parts if part.unit_id not in failures)
    state.log.add(DoneEvent, *active.lease.named, compute_seconds, done, predicted)
    if unit.whole is not None:
        state.divided.finished(unit, record)
        state.changed()


def fail(state: SchedulerState, active: ActiveLease, failure: Failure) -> None:
    """End a lease without outputs."""
    unit, device = active.lease.unit, active.lease.device
    _finish(state, active, unit.numbers)
    _log_failure(state, unit, device, failure)
    if unit.whole is not None:
        state.divided.failed(unit, device, failure)
        state.changed()


def give_back(
    state: SchedulerState,
    active: ActiveLease,
    cause: ReturnCause,
    detail: str = "",
    *,
    to: DeviceRecord,
    charged: bool = False,
) -> None:
    """Return a leased unit to the front of a device's queue, or leave it to its other leases."""
    unit = active.lease.unit
    _release(state, active)
    if not state.sharer.pass_on(active):
        state.units.give_back(active, to.device)
        to.queue.push_front(unit)
        state.balancer.note(to)
    if unit.whole is not None:
        state.divided.returned(unit)
    queue = state.units.home.get(unit.unit_id, "")
    state.log.add(ReturnEvent, *active.lease.named, cause, detail, charged, queue)
    state.changed()


def unbundle(state: SchedulerState, active: ActiveLease, reason: str, *, to: DeviceRecord) -> None:
    """Put the files of a leased bundle at the front of a device's queue, individually."""
    unit = active.lease.unit
    _release(state, active)
    state.sharer.end_others(active)
    state.units.unbundle(active, to.device)
    for part in reversed(unit.parts):
        to.queue.push_front(part)
    state.balancer.note(to)
    state.log.add(UnbundleEvent, *active.lease.named, unit.numbers, reason, to.device)
    state.changed()


def _finish(state: SchedulerState, active: ActiveLease, failed: Collection[int]) -> None:
    _release(state, active)
    state.sharer.end_others(active)
    state.units.finish(active, failed)
    if state.over:
        state.changed()


def _log_failure(state: SchedulerState, unit: Unit, device: str, failure: Failure) -> None:
    state.log.add(
        FailureEvent,
        unit.unit_id,
        unit.name,
        device,
        failure.reason,
        cause=failure.cause,
        whole=unit.whole,
    )


def _release(state: SchedulerState, active: ActiveLease) -> None:
    state.last_end = state.clock()
    record = state.device_pool[active.lease.device]
    if record.release(active):
        state.balancer.note(record)
