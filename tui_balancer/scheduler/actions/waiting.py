"""Finds a command's waiting units, and removes them from their queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tui_balancer.scheduler.actions.answers import Refusals
from tui_balancer.scheduler.actions.groups import by_home, event_fields, event_units, groups
from tui_balancer.scheduler.events import SkipEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.state import SchedulerState

BY_HAND = "by hand"

Places = dict[str, dict[int, Unit]]
"""For each device, units by their former positions in its queue, from 0."""


def waiting(state: SchedulerState, unit_ids: Iterable[int], refusals: Refusals) -> dict[int, str]:
    """Return the waiting units, each with its device; record the reasons for the others.

    A file of a bundle means its bundle, a divided file its waiting shards.
    """
    bundles = state.units.bundles
    chosen = list(dict.fromkeys([bundles.get(one, one) for one in unit_ids]))
    homes = state.units.home.of(chosen)
    if all(homes):
        return dict(zip(chosen, homes, strict=True))
    found: dict[int, str] = {}
    for unit_id, device in zip(chosen, homes, strict=True):
        if device:
            found[unit_id] = device
        elif shards := state.divided.waiting(unit_id):
            found.update(zip(shards, state.units.home.of(shards), strict=True))
        else:
            refusals.add(state.units.name(unit_id), *_why_not(state, unit_id))
    return found


def take_out(state: SchedulerState, homes: Mapping[int, str]) -> Places:
    """Remove waiting units from their queues; return their places there.

    The caller sets their new places.

    Args:
        homes: The device of each, by its number.
    """
    chosen = bytearray(len(state.units.names))
    for unit_id in homes:
        chosen[unit_id] = 1
    return {
        device: state.device_pool[device].queue.take_out(chosen)
        for device in dict.fromkeys(homes.values())
    }


def in_order(places: Places, unit_ids: Iterable[int]) -> list[Unit]:
    """Return units in the order of their numbers here."""
    units = {unit.unit_id: unit for taken in places.values() for unit in taken.values()}
    return [units[unit_id] for unit_id in unit_ids]


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
    homes = waiting(state, files, refusals)
    places = take_out(state, homes)
    units = in_order(places, homes)
    state.units.leave_out(units, skipped=True)
    for device, group in groups(by_home(units, homes)):
        reason, order = f"skipped {BY_HAND}", event_units(group)
        state.log.add(SkipEvent, *event_fields(group), device, reason, units=order)
    return skipped + units, places


def _why_not(state: SchedulerState, unit_id: int) -> tuple[str, str]:
    """Return why a unit does not wait, in the singular and plural."""
    work = state.units.active.get(unit_id)
    if work is not None:
        return f"has started on {work.device}", "have started"
    if state.divided.waits(unit_id):
        return "has started with all its shards", "have started"
    word = state.units.state(unit_id)
    return f"is {word}", f"are {word}"
