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
from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.actions.waiting import Places, leave_out
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
    units: list[Unit] = []
    for device, before in places.items():
        back = {place: one for place, one in before.items() if _waits(state, one, now[one.unit_id])}
        for unit in back.values():
            source = now[unit.unit_id]
            queue = state.device_pool[source].queue
            queue.remove(queue[unit.unit_id])
            state.units.home[unit.unit_id] = device
            state.log.add(MoveEvent, unit.unit_id, unit.name, source, device, "undone")
        state.device_pool[device].queue.put_back(back)
        units += back.values()
    if not units:
        raise Refused(f"nothing to undo: what was moved has {CHANGED}")
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
    units: list[Unit] = []
    for device, before in places.items():
        queue, back = state.device_pool[device].queue, {}
        for place, unit in before.items():
            if not _is_skipped(state, unit.unit_id, refusals):
                continue
            back[place] = state.units.retry(unit.unit_id, device)
            files = unit.numbers if unit.parts else ()
            state.log.add(RetryEvent, unit.unit_id, unit.name, device, files)
        queue.put_back(back)
        units += back.values()
    for unit_id in divided:
        if _is_skipped(state, unit_id, refusals) and state.divided.can_retry(unit_id):
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


def _waits(state: SchedulerState, unit: Unit, device: str) -> bool:
    # The first file of a broken-up bundle has the bundle's number.
    return (
        state.units.home.get(unit.unit_id) == device
        and state.device_pool[device].queue[unit.unit_id] is unit
    )


def _is_skipped(state: SchedulerState, unit_id: int, refusals: Refusals) -> bool:
    word = state.units.state(unit_id)
    if word == "skipped" and unit_id in state.units.failed:
        return True
    refusals.add(state.units.name(unit_id), f"is {word}", f"are {word}")
    return False
