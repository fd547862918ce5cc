"""Finds a command's waiting units, and removes them from their queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui_balancer.scheduler.actions.answers import Refusals
from tui_balancer.scheduler.events import SkipEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.state import SchedulerState

BY_HAND = "by hand"

Places = dict[str, dict[int, Unit]]
"""For each device, units by their former positions in its queue, from 0."""


def waiting(state: SchedulerState, unit_ids: Iterable[int], refusals: Refusals) -> list[int]:
    """Return the waiting units, each once; record the reasons for the others.

    A file of a bundle means its bundle, a divided file its waiting shards.
    """
    chosen: list[int] = []
    for unit_id in unit_ids:
        chosen += state.divided.waiting(unit_id) or (state.units.whole(unit_id),)
    found = []
    for unit_id in dict.fromkeys(chosen):
        if unit_id in state.units.home and not state.divided.waits(unit_id):
            found.append(unit_id)
        else:
            refusals.add(state.units.name(unit_id), *_why_not(state, unit_id))
    return found


def take_out(
    state: SchedulerState, unit_ids: Sequence[int]
) -> tuple[Places, list[tuple[str, Unit]]]:
    """Remove waiting units from their queues; the caller sets their new places.

    Returns:
        Their former places, and the device and the unit of each, in the given order.
    """
    homes = {unit_id: state.units.home[unit_id] for unit_id in unit_ids}
    by_device: dict[str, set[int]] = {}
    for unit_id, device in homes.items():
        by_device.setdefault(device, set()).add(unit_id)
    places = {
        device: state.device_pool[device].queue.take_out(wanted)
        for device, wanted in by_device.items()
    }
    units = {unit.unit_id: unit for taken in places.values() for unit in taken.values()}
    return places, [(device, units[unit_id]) for unit_id, device in homes.items()]


def leave_out(
    state: SchedulerState, unit_ids: Iterable[int], refusals: Refusals
) -> tuple[list[Unit], Places]:
    """Skip waiting units; return them, and the places of those that are not divided."""
    skipped: list[Unit] = []
    files = dict.fromkeys(map(state.divided.file_of, unit_ids))
    for unit_id in [one for one in files if state.divided.waits(one)]:
        skipped.append(state.divided.leave_out(unit_id, skipped=True))
        state.log.add(SkipEvent, unit_id, skipped[-1].name, "", f"skipped {BY_HAND}")
        del files[unit_id]
    places, taken = take_out(state, waiting(state, files, refusals))
    for device, unit in taken:
        state.units.leave_out(unit, skipped=True)
        bundled = unit.numbers if unit.parts else ()
        state.log.add(SkipEvent, unit.unit_id, unit.name, device, f"skipped {BY_HAND}", bundled)
        skipped.append(unit)
    return skipped, places


def _why_not(state: SchedulerState, unit_id: int) -> tuple[str, str]:
    """Return why a unit does not wait, in the singular and plural."""
    work = state.units.active.get(unit_id)
    if work is not None:
        return f"has started on {work.device}", "have started"
    if state.divided.waits(unit_id):
        return "has started with all its shards", "have started"
    word = state.units.state(unit_id)
    return f"is {word}", f"are {word}"
