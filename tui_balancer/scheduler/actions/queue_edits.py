"""The user's changes to the queues: move, reorder, skip and retry."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tui_balancer.scheduler.actions.answers import Refusals, report
from tui_balancer.scheduler.actions.groups import by_home, event_fields, event_units, groups
from tui_balancer.scheduler.actions.shares import share_by_end
from tui_balancer.scheduler.actions.undo import Undoable, bring_back, put_back, skip_again
from tui_balancer.scheduler.actions.waiting import in_order, leave_out, take_out, waiting
from tui_balancer.scheduler.events import AssignmentEvent, MoveEvent, RetryEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState
from tui_balancer.scheduler.unit_order import queue_order


def move(state: SchedulerState, unit_ids: Sequence[int], target: DeviceRecord) -> Undoable:
    """Put waiting units at the end of another device's queue."""
    refusals = Refusals("moved")
    chosen = waiting(state, unit_ids, refusals)
    there = [unit_id for unit_id, device in chosen.items() if device == target.device]
    for unit_id in there:
        del chosen[unit_id]
    where = f"for {target.device} already"
    refusals.add_all([state.units.name(one) for one in there], f"waits {where}", f"wait {where}")
    places = take_out(state, chosen)
    units = in_order(places, chosen)
    target.queue.extend(units)
    state.units.home.put(chosen, target.device)
    shares = by_home(units, chosen)
    for source, group in groups(shares):
        route = (source, target.device)
        state.log.add(MoveEvent, *event_fields(group), *route, units=event_units(group))
    if len(shares) > 1:
        # An event has the order of those from one queue alone.
        state.log.add(AssignmentEvent, ((target.device, queue_order(units)),))
    source_text = f" from {next(iter(places))}" if len(places) == 1 else ""
    text = report(state, units, f"{{}} moved{source_text} to {target.device}", refusals)
    now = dict.fromkeys(chosen, target.device)
    return Undoable(text, partial(put_back, places=places, now=now))


def reorder(state: SchedulerState, unit_ids: Sequence[int], *, first: bool) -> Undoable:
    """Move waiting units to the front or end of their queues, in the given order."""
    refusals = Refusals("moved")
    homes = waiting(state, unit_ids, refusals)
    places = take_out(state, homes)
    units = in_order(places, homes)
    where = "first" if first else "last"
    shares = by_home(units, homes)
    for device, group in shares.items():
        record = state.device_pool[device]
        record.queue.extend(group, first=first)
        if first:
            record.put_first.update([unit.unit_id for unit in group])
    # The first one of a queue is put there last, if each has an event.
    turns = {device: group[::-1] for device, group in shares.items()} if first else shares
    for device, group in groups(turns):
        order = group[::-1] if first else group
        words = f"now the {where} {'one' if len(group) == 1 else 'ones'}"
        fields = (*event_fields(order), device, device, words, first)
        state.log.add(MoveEvent, *fields, units=event_units(order))
    text = report(state, units, f"{{}} comes {where} now", refusals, f"{{}} come {where} now")
    return Undoable(text, partial(put_back, places=places, now=homes))


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
    again: list[Unit] = []
    skipped: list[int] = []
    whole, file_of = state.units.whole, state.divided.file_of
    chosen = dict.fromkeys(map(file_of, map(whole, unit_ids)))
    by_hand = state.units.skipped(chosen)
    for unit_id in chosen:
        unit = state.units.failed.get(unit_id)
        if unit is None:
            why = _why_not_again(state.units.state(unit_id))
            refusals.add(state.units.name(unit_id), *why)
            continue
        if unit_id in by_hand:
            skipped.append(unit_id)
        if state.divided.can_retry(unit_id):
            units.append(state.divided.retry(unit_id, state.first_free()))
        else:
            again.append(unit)
    units += again
    pool = state.device_pool
    takers = pool.at_work or pool.live or [one for one in pool if one.drained]
    shares = share_by_end(state, again, takers)
    for record, share in shares:
        record.queue.extend(share)
        state.units.retry([unit.unit_id for unit in share], record.device)
    for device, group in groups({record.device: share for record, share in shares}):
        state.log.add(RetryEvent, *event_fields(group), device, units=event_units(group))
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
