"""Undoing what a person did: one stack of inverse steps, the newest on top.

An action that can be undone returns an `Undoable`: its answer, and the step that takes it back.
That changes what is still as the action left it, says what is not, and is not undone itself.
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
"""Takes an action back and returns what was done, in one line; `Refused` if nothing can be."""

CHANGED: Final = "started or changed hands meanwhile"


@dataclass(frozen=True, slots=True)
class Undoable:
    """The answer of an action that an undo is about.

    Attributes:
        text: What was done, in one line.
        inverse: Takes it back.
        possible: Whether that can be done; else it says why not.
    """

    text: str
    inverse: Inverse
    possible: bool = True


def put_back(state: SchedulerState, places: Places, now: Mapping[int, str]) -> str:
    """Put moved units back to their places, those that still wait where they were moved to.

    Args:
        places: Where they were.
        now: The device for which each of them waits since.
    """
    units: list[Unit] = []
    for device, before in places.items():
        back = {place: one for place, one in before.items() if _waits(state, one, now[one.unit_id])}
        for unit in back.values():
            source = now[unit.unit_id]
            state.device_pool[source].queue.remove(unit.unit_id)
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
    """Put skipped units back to their places, those that are still skipped.

    Args:
        places: Where they were.
        divided: The numbers of divided files, whose shards wait at the end of a queue.
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
    """Skip units again that were skipped before they were tried again.

    Args:
        unit_ids: Their numbers.
        failed: How many others had failed: why, is not known here any more.
    """
    if not unit_ids:
        raise Refused("the retry of failed files cannot be undone; skip them instead")
    refusals = Refusals("skipped")
    units, _ = leave_out(state, unit_ids, refusals)
    text = report(state, units, "{} is skipped again", refusals, "{} are skipped again")
    return f"{text}; {plural(failed, 'file')} that had failed will run" if failed else text


def _waits(state: SchedulerState, unit: Unit, device: str) -> bool:
    # A file of a bundle that was broken up has the number of the bundle.
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
