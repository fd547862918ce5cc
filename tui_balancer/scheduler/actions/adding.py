"""Adds files to a run at work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from tui_balancer.failures import Failure
from tui_balancer.scheduler.events import AddedEvent, AssignmentEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.policy.assignment import assign_files_weighted
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.queues import by_priority
from tui_balancer.scheduler.state.state import SchedulerState
from tui_balancer.scheduler.unit_order import queue_order


def await_files(state: SchedulerState) -> None:
    """Keep the run open although nothing is left to do: files may be added."""
    state.awaiting += 1


def files_settled(state: SchedulerState) -> None:
    """End one wait for files."""
    state.awaiting -= 1
    state.changed()


def add(
    state: SchedulerState,
    units: Sequence[Unit],
    failed: Sequence[tuple[Unit, Failure]],
    text: str,
) -> None:
    """Queue new units for the devices that finish them first, behind those of their priority.

    Args:
        state: The state, after the assignment of the first units.
        units: The units to compute.
        failed: Files that cannot be computed, with the reason.
        text: Which files, for the log.
    """
    assert state.assigned, "the first files are assigned, not added"
    new = [*units, *(unit for unit, _ in failed)]
    idle = 0.0 if state.idle_since is None else state.clock() - state.idle_since
    state.idle_seconds += idle
    numbers = list(chain.from_iterable(unit.numbers for unit in new))
    files = sum(unit.inputs for unit in new)
    state.log.add(AddedEvent, min(numbers), len(numbers), files, text, idle)
    for unit, failure in failed:
        state.add_failed(unit, failure)
    given: defaultdict[int, list[Unit]] = defaultdict(list)
    for unit in state.divided.enter(units):
        given[unit.model].append(unit)
    # Where no device is alive, the units wait for another session.
    records = state.device_pool.live or list(state.device_pool)
    orders: dict[str, bytes] = {}
    for model, own in given.items():
        having = [one for one in records if one.model == model or model in one.queue.by_model]
        for record, share in _shares(state, own, having or records, model):
            last = record.queue.insert(share) and record.device not in orders
            orders[record.device] = queue_order(share) if last else record.queue.order()
    state.log.add(AssignmentEvent, tuple(orders.items()))
    state.balancer.forget()
    state.changed()


def _shares(
    state: SchedulerState, units: Sequence[Unit], records: Sequence[DeviceRecord], model: int
) -> list[tuple[DeviceRecord, list[Unit]]]:
    """Assign the units of a model to devices, by what these have to do before."""
    pool, now = state.device_pool, state.clock()
    rates = [pool.rate(record, model) for record in records]
    specs = [replace(record.spec, rate=rate) for record, rate in zip(records, rates, strict=True)]
    loads = [
        record.queue.cost if rate is None else rate * (pool.remaining_seconds(record, now) or 0.0)
        for record, rate in zip(records, rates, strict=True)
    ]
    shares = assign_files_weighted(units, specs, loads)
    for record in records:
        for unit in shares[record.device]:
            state.units.add(unit, record.device)
    return [
        (record, by_priority(shares[record.device])) for record in records if shares[record.device]
    ]
