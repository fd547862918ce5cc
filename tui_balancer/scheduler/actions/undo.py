"""Undoes a person's commands, from a stack of inverse steps with the newest on top.

An action that can be undone returns an `Undoable`: its message and its inverse step. The step
changes only what is still as the action left it, reports the rest, and cannot be undone itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tui_balancer.formatting import count, plural
from tui_balancer.scheduler.actions.answers import Refusals, report
from tui_balancer.scheduler.actions.groups import by_home, event_fields, event_units, groups
from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.actions.waiting import Places, leave_out, take_out
from tui_balancer.scheduler.events import MoveEvent, RetryEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.state import SchedulerState

Inverse = Callable[[SchedulerState], str]
"""Undoes an action and returns a one-line message; raises `Refused` if nothing can be undone."""

CHANGED: Final = "started or changed hands meanwhile"


@dataclass(frozen=True, slots=True)
class Undoable:
    """The result of an action that can be undone.

    Attributes:
        text: One-line message.
        inverse: Undoes it.
        possible: Whether it can be undone; otherwise the inverse says why not.
    """

    text: str
    inverse: Inverse
    possible: bool = True


def put_back(state: SchedulerState, places: Places, now: Mapping[int, str]) -> str:
    """Return moved units to their places, if they still wait where they were moved to.

    Args:
        places: Their earlier places.
        now: The device each waits for since the move.
    """
    left = {device: _still_waiting(state, before, now) for device, before in places.items()}
    units = [unit for back in left.values() for unit in back.values()]
    if not units:
        raise Refused(f"nothing to undo: what was moved has {CHANGED}")
    take_out(state, {unit.unit_id: now[unit.unit_id] for unit in units})
    moved: dict[tuple[str, str], list[Unit]] = {}
    for device, back in left.items():
        state.device_pool[device].queue.put_back(back)
        state.units.home.put([unit.unit_id for unit in back.values()], device)
        for source, share in by_home(back.values(), now).items():
            moved[source, device] = share
    for route, group in groups(moved):
        fields = (*event_fields(group), *route, "undone")
        state.log.add(MoveEvent, *fields, units=event_units(group))
    state.note_queues(state.device_pool[device] for device in places)
    text = report(
        state, units, "{} is back in its place", Refusals("undone"), "{} are back in their places"
    )
    gone = len(now) - len(units)
    return f"{text}; {count(gone)} {CHANGED}" if gone else text


def bring_back(state: SchedulerState, places: Places, divided: Sequence[int]) -> str:
    """Return skipped units to their places, if they are still skipped.

    Args:
        places: Their earlier places.
        divided: Numbers of divided files, whose shards wait at the end of a queue.
    """
    refusals = Refusals("brought back")
    back: dict[str, list[Unit]] = {}
    for device, before in places.items():
        skipped = _skipped(state, [unit.unit_id for unit in before.values()], refusals)
        left = {place: unit for place, unit in before.items() if unit.unit_id in skipped}
        state.device_pool[device].queue.put_back(left)
        back[device] = state.units.retry([unit.unit_id for unit in left.values()], device)
    for device, group in groups(back):
        state.log.add(RetryEvent, *event_fields(group), device, units=event_units(group))
    units = [unit for share in back.values() for unit in share]
    for unit_id in _skipped(state, divided, refusals):
        if state.divided.can_retry(unit_id):
            units.append(state.divided.retry(unit_id, state.first_free()))
    if units:
        state.note_queues(state.device_pool[device] for device in places)
    return report(state, units, "{} waits again", refusals, "{} wait again")


def skip_again(state: SchedulerState, unit_ids: Sequence[int], failed: int) -> str:
    """Skip units again that were skipped before a retry.

    Args:
        unit_ids: Their numbers.
        failed: Number of other units that had failed; their reasons are no longer known here.
    """
    if not unit_ids:
        raise Refused("the retry of failed files cannot be undone; skip them instead")
    refusals = Refusals("skipped")
    units, _ = leave_out(state, unit_ids, refusals)
    text = report(state, units, "{} is skipped again", refusals, "{} are skipped again")
    return f"{text}; {plural(failed, 'file')} that had failed will run" if failed else text


def _still_waiting(
    state: SchedulerState, units: Mapping[int, Unit], now: Mapping[int, str]
) -> dict[int, Unit]:
    """Return those units that still wait where they were moved to; see `put_back`."""
    homes = state.units.home.of([unit.unit_id for unit in units.values()])
    return {
        place: unit
        for (place, unit), device in zip(units.items(), homes, strict=True)
        # The first file of a broken-up bundle has the bundle's number.
        if device == now[unit.unit_id] and not (unit.parts and state.units.is_broken_up(unit))
    }


def _skipped(state: SchedulerState, unit_ids: Sequence[int], refusals: Refusals) -> dict[int, None]:
    """Return those of these units that are still skipped; record the reasons for the others."""
    by_hand, failed = state.units.skipped(unit_ids), state.units.failed
    skipped = dict.fromkeys([one for one in unit_ids if one in by_hand and one in failed])
    for unit_id in [one for one in unit_ids if one not in skipped]:
        word = state.units.state(unit_id)
        refusals.add(state.units.name(unit_id), f"is {word}", f"are {word}")
    return skipped
