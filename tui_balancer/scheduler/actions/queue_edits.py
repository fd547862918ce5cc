"""The user's changes to the queues: move, reorder, skip and retry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tui_balancer.scheduler.actions.answers import Refusals, report
from tui_balancer.scheduler.actions.undo import Undoable, bring_back, put_back, skip_again
from tui_balancer.scheduler.actions.waiting import leave_out, take_out, waiting
from tui_balancer.scheduler.events import MoveEvent, RetryEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState


def move(state: SchedulerState, unit_ids: Sequence[int], target: DeviceRecord) -> Undoable:
    """Put waiting units at the end of another device's queue."""
    refusals = Refusals("moved")
    chosen: list[int] = []
    for unit_id in waiting(state, unit_ids, refusals):
        if state.units.home[unit_id] != target.device:
            chosen.append(unit_id)
            continue
        name, where = target.queue[unit_id].name, f"for {target.device} already"
        refusals.add(name, f"waits {where}", f"wait {where}")
    places, taken = take_out(state, chosen)
    for source, unit in taken:
        target.queue.append(unit)
        state.units.home[unit.unit_id] = target.device
        state.log.add(MoveEvent, unit.unit_id, unit.name, source, target.device)
    units = [unit for _, unit in taken]
    source_text = f" from {next(iter(places))}" if len(places) == 1 else ""
    text = report(state, units, f"{{}} moved{source_text} to {target.device}", refusals)
    now = dict.fromkeys(chosen, target.device)
    return Undoable(text, partial(put_back, places=places, now=now))


def reorder(state: SchedulerState, unit_ids: Sequence[int], *, first: bool) -> Undoable:
    """Move waiting units to the front or end of their queues, in the given order."""
    refusals = Refusals("moved")
    places, taken = take_out(state, waiting(state, unit_ids, refusals))
    where = "first" if first else "last"
    for device, unit in reversed(taken) if first else taken:
        queue = state.device_pool[device].queue
        put: Callable[[Unit], None] = queue.push_front if first else queue.append
        put(unit)
        if first:
            state.device_pool[device].put_first.add(unit.unit_id)
        words = f"now the {where} one"
        state.log.add(MoveEvent, unit.unit_id, unit.name, device, device, words, first)
    units = [unit for _, unit in taken]
    text = report(state, units, f"{{}} comes {where} now", refusals, f"{{}} come {where} now")
    now = {unit.unit_id: device for device, unit in taken}
    return Undoable(text, partial(put_back, places=places, now=now))


def skip(state: SchedulerState, unit_ids: Sequence[int]) -> Undoable:
    """Skip waiting units."""
    refusals = Refusals("skipped")
    units, places = leave_out(state, unit_ids, refusals)
    text = report(state, units, "{} skipped", refusals)
    divided = [unit.unit_id for unit in units if unit.shards]
    return Undoable(text, partial(bring_back, places=places, divided=divided))


def retry(state: SchedulerState, unit_ids: Sequence[int]) -> Undoable:
    """Queue units again that failed or were skipped in this session.

    Each waits for the device that will be free first.
    """
    refusals = Refusals("retried")
    units: list[Unit] = []
    skipped: list[int] = []
    for unit_id in dict.fromkeys(state.divided.file_of(state.units.whole(one)) for one in unit_ids):
        unit = state.units.failed.get(unit_id)
        word = state.units.state(unit_id)
        if unit is None:
            refusals.add(state.units.name(unit_id), *_why_not_again(word))
            continue
        if word == "skipped":
            skipped.append(unit_id)
        record = state.first_free()
        if state.divided.can_retry(unit_id):
            units.append(state.divided.retry(unit_id, record))
            continue
        state.units.retry(unit_id, record.device)
        record.queue.append(unit)
        files = unit.numbers if unit.parts else ()
        state.log.add(RetryEvent, unit_id, unit.name, record.device, files)
        units.append(unit)
    text = report(state, units, "{} waits again", refusals, "{} wait again")
    failed = len(units) - len(skipped)
    inverse = partial(skip_again, unit_ids=skipped, failed=failed)
    return Undoable(text, inverse, possible=bool(skipped))


def _why_not_again(word: str) -> tuple[str, str]:
    """Return why a unit in this state is not retried, in the singular and plural."""
    if word in ("failed", "skipped"):
        how = "failed at the scan or" if word == "failed" else "was skipped"
        hows = "failed at the scan or" if word == "failed" else "were skipped"
        command = "before this session: `resume --retry-failed` retries"
        return f"{how} {command} it", f"{hows} {command} them"
    return f"is {word}", f"are {word}"
