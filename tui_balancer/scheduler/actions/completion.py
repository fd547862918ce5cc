"""How a lease ends: with outputs, with a reason, or with its unit waiting again.

Each end leaves the unit in exactly one place and writes the event that tells of it. What ends one
of several leases of a unit, while others go on with it, is in `sharing`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tui_balancer.scheduler.events import (
    DoneEvent,
    FailureEvent,
    ReturnCause,
    ReturnEvent,
    UnbundleEvent,
)
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState
from tui_balancer.scheduler.state.unit_store import ActiveLease


def complete(
    board: SchedulerState, active: ActiveLease, compute_seconds: float, failures: Mapping[int, str]
) -> None:
    """End a lease whose outputs are in place.

    Args:
        board: The board.
        active: The lease.
        compute_seconds: Time its batches were in flight.
        failures: Why some files of a bundle have no output, by their numbers.
    """
    record = board.device_pool[active.lease.device]
    unit = active.lease.unit
    shared = board.units.active[unit.unit_id].shared
    record.completed(active, board.clock(), failed_files=len(failures), shared=shared)
    board.device_pool.learn_from(record)
    # A part of the work tells nothing about the whole.
    partly = shared or active.restored or failures or unit.shards
    predicted = None if partly else active.predicted
    if predicted is not None:
        record.calibration.learn(unit, active.rate, compute_seconds)
    _finish(board, active, failures.keys())
    for part in unit.parts:
        if part.unit_id in failures:
            reason = failures[part.unit_id]
            board.log.add(FailureEvent, part.unit_id, part.name, record.device, reason)
    if len(failures) == unit.files:
        return
    board.log.add(
        DoneEvent,
        unit.unit_id,
        unit.name,
        record.device,
        active.lease.epoch,
        compute_seconds,
        tuple(part.unit_id for part in unit.parts if part.unit_id not in failures),
        predicted,
    )
    if unit.whole is not None:
        board.divided.finished(unit, record)
        board.changed()


def fail(board: SchedulerState, active: ActiveLease, reason: str) -> None:
    """End a lease without outputs."""
    unit, device = active.lease.unit, active.lease.device
    _finish(board, active, unit.numbers)
    board.log.add(FailureEvent, unit.unit_id, unit.name, device, reason)
    if unit.whole is not None:
        board.divided.failed(unit, device, reason)
        board.changed()


def give_back(
    board: SchedulerState,
    active: ActiveLease,
    cause: ReturnCause,
    detail: str = "",
    *,
    to: DeviceRecord,
    charged: bool = False,
) -> None:
    """Let a leased unit wait again, as the next one of a device, or others go on with it."""
    unit = active.lease.unit
    _release(board, active)
    if not board.sharer.pass_on(active):
        board.units.give_back(active, to.device)
        to.queue.push_front(unit)
        board.balancer.note(to)
    board.log.add(
        ReturnEvent,
        unit.unit_id,
        unit.name,
        active.lease.device,
        active.lease.epoch,
        cause,
        detail,
        charged,
    )
    if unit.whole is not None:
        board.divided.returned(unit)
    board.changed()


def unbundle(board: SchedulerState, active: ActiveLease, reason: str, *, to: DeviceRecord) -> None:
    """Let the files of a leased bundle wait one by one, as the next ones of a device."""
    unit = active.lease.unit
    _release(board, active)
    board.sharer.end_others(active)
    board.units.unbundle(active, to.device)
    for part in reversed(unit.parts):
        to.queue.push_front(part)
    board.balancer.note(to)
    board.log.add(
        UnbundleEvent,
        unit.unit_id,
        unit.name,
        active.lease.device,
        active.lease.epoch,
        unit.files,
        reason,
    )
    board.changed()


def _finish(board: SchedulerState, active: ActiveLease, failed: Collection[int]) -> None:
    _release(board, active)
    board.sharer.end_others(active)
    board.units.finish(active, failed)
    if board.over:
        board.changed()


def _release(board: SchedulerState, active: ActiveLease) -> None:
    record = board.device_pool[active.lease.device]
    if record.let_go(active):
        board.balancer.note(record)
