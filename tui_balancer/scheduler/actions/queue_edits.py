"""The user's changes of the queues: move, reorder, skip, retry, and undo a move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.events import MoveEvent, RetryEvent, SkipEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import LastMove, SchedulerState

BY_HAND = "by hand"
SKIPPED = f"skipped {BY_HAND}"


def move(state: SchedulerState, unit_ids: Sequence[int], target: DeviceRecord) -> str:
    """Put waiting units at the end of another device's queue."""
    refused: list[str] = []
    chosen: list[int] = []
    for unit_id in _waiting(state, unit_ids, refused):
        if state.units.home[unit_id] == target.device:
            name = target.queue[unit_id].name
            refused.append(f"{name} waits for {target.device} already")
        else:
            chosen.append(unit_id)
    last = _take_out(state, chosen, refused)
    names = []
    for unit_id, source, unit in last:
        target.queue.append(unit)
        state.units.home[unit_id] = state.last_move.now[unit_id] = target.device
        state.log.add(MoveEvent, unit_id, unit.name, source, target.device)
        names.append(unit.name)
    return _report(state, f"moved {{}} to {target.device}", names, refused)


def reorder(state: SchedulerState, unit_ids: Sequence[int], *, first: bool) -> str:
    """Put waiting units before or behind all others of their queues, in the given order."""
    refused: list[str] = []
    taken = _take_out(state, list(_waiting(state, unit_ids, refused)), refused)
    where = "first" if first else "last"
    for unit_id, device, unit in reversed(taken) if first else taken:
        queue = state.device_pool[device].queue
        put: Callable[[Unit], None] = queue.push_front if first else queue.append
        put(unit)
        state.last_move.now[unit_id] = device
        words = f"now the {where} one"
        state.log.add(MoveEvent, unit_id, unit.name, device, device, words, first)
    names = [unit.name for _, _, unit in taken]
    return _report(state, f"{{}} comes {where} now", names, refused, f"{{}} come {where} now")


def undo(state: SchedulerState) -> str:
    """Put the units of the last move back to their places, those that still wait there."""
    last, state.last_move = state.last_move, LastMove()
    if not last.now:
        raise Refused("there is no move to undo")
    names: list[str] = []
    for device, places in last.places.items():
        back = {
            place: unit
            for place, unit in places.items()
            if state.units.home.get(unit.unit_id) == last.now[unit.unit_id]
        }
        for unit in back.values():
            source = last.now[unit.unit_id]
            state.device_pool[source].queue.remove(unit.unit_id)
            state.units.home[unit.unit_id] = device
            state.log.add(MoveEvent, unit.unit_id, unit.name, source, device, "undone")
            names.append(unit.name)
        state.device_pool[device].queue.put_back(back)
    if not names:
        raise Refused("nothing to undo: what was moved has started or changed hands")
    state.note_queues(state.device_pool[device] for device in last.places)
    gone = len(last.now) - len(names)
    text = _report(state, "{} is back in its place", names, (), "{} are back in their places")
    return f"{text}; {gone} started or changed hands meanwhile" if gone else text


def skip(state: SchedulerState, unit_ids: Sequence[int]) -> str:
    """Leave waiting units out of the run."""
    refused: list[str] = []
    names: list[str] = []
    files = dict.fromkeys(map(state.divided.file_of, unit_ids))
    for unit_id in [one for one in files if state.divided.waits(one)]:
        names.append(state.divided.leave_out(unit_id, skipped=True).name)
        state.log.add(SkipEvent, unit_id, names[-1], "", SKIPPED)
        del files[unit_id]
    for unit_id in _waiting(state, files, refused, "skipped"):
        device = state.units.home[unit_id]
        unit = state.device_pool[device].queue.remove(unit_id)
        state.units.leave_out(unit, skipped=True)
        bundled = unit.numbers if unit.parts else ()
        state.log.add(SkipEvent, unit_id, unit.name, device, SKIPPED, bundled)
        names.append(unit.name)
    return _report(state, "skipped {}", names, refused, done="skipped")


def retry(state: SchedulerState, unit_ids: Sequence[int]) -> str:
    """Put units that failed or were skipped in this session into a queue again.

    Each waits for the device that is free first.
    """
    refused: list[str] = []
    names: list[str] = []
    for unit_id in dict.fromkeys(state.divided.file_of(state.units.whole(one)) for one in unit_ids):
        unit = state.units.failed.get(unit_id)
        if unit is None:
            refused.append(_why_not_again(state, unit_id))
            continue
        record = _first_free(state)
        if state.divided.can_retry(unit_id):
            names.append(state.divided.retry(unit_id, record).name)
            continue
        state.units.retry(unit_id, record.device)
        record.queue.append(unit)
        files = unit.numbers if unit.parts else ()
        state.log.add(RetryEvent, unit_id, unit.name, record.device, files)
        names.append(unit.name)
    return _report(state, "{} waits again", names, refused, "{} wait again", "tried again")


def _waiting(
    state: SchedulerState, unit_ids: Iterable[int], refused: list[str], done: str = "moved"
) -> Iterable[int]:
    """Yield those that wait, each once; say of the others why it is not done with them.

    A file of a bundle stands for its bundle, a divided file for its waiting shards.
    """
    chosen: list[int] = []
    for unit_id in unit_ids:
        chosen += state.divided.waiting(unit_id) or (state.units.whole(unit_id),)
    for unit_id in dict.fromkeys(chosen):
        if unit_id in state.units.home and not state.divided.waits(unit_id):
            yield unit_id
        else:
            refused.append(_why_not_waiting(state, unit_id, done))


def _take_out(
    state: SchedulerState, unit_ids: Sequence[int], refused: Sequence[str], done: str = "moved"
) -> list[tuple[int, str, Unit]]:
    """Take waiting units out of their queues; their places are what an undo needs.

    Returns:
        Number, device and unit of each, in the given order.
    """
    if not unit_ids:
        raise Refused(_in_short(refused, done) if refused else "no file is chosen")
    wanted = set(unit_ids)
    state.last_move = last = LastMove()
    homes = {unit_id: state.units.home[unit_id] for unit_id in unit_ids}
    for device in dict.fromkeys(homes.values()):
        queue = state.device_pool[device].queue
        last.places[device] = {
            place: unit for place, unit in enumerate(queue) if unit.unit_id in wanted
        }
    return [
        (unit_id, device, state.device_pool[device].queue.remove(unit_id))
        for unit_id, device in homes.items()
    ]


def _report(
    state: SchedulerState,
    text: str,
    names: Sequence[str],
    refused: Sequence[str],
    many: str = "",
    done: str = "moved",
) -> str:
    """Note that queues have changed, and return the answer for the user.

    Args:
        text: For one file, with `{}` for its name.
        names: What it was done to.
        refused: Why it was not done to others.
        many: For several files, where the words differ.
        done: What was not done to those others.
    """
    if not names:
        raise Refused(_in_short(refused, done) if refused else "no file is chosen")
    state.balancer.forget()
    state.changed()
    if len(names) == 1:
        message = text.format(names[0])
    else:
        message = (many or text).format(f"{len(names)} files")
    return f"{message}; {_in_short(refused, done)}" if refused else message


def _first_free(state: SchedulerState) -> DeviceRecord:
    """Return the live device that is through with its queue before all others."""
    now = state.clock()
    return min(
        state.device_pool.live,
        key=lambda record: (
            record.paused,
            state.device_pool.remaining_seconds(record, now) or 0.0,
            record.queue.cost,
        ),
    )


def _why_not_waiting(state: SchedulerState, unit_id: int, done: str) -> str:
    work = state.units.active.get(unit_id)
    if work is not None:
        return f"{work.unit.name} has started on {work.device}: not {done}"
    if state.divided.waits(unit_id):
        return f"all shards of {state.units.name(unit_id)} have started: not {done}"
    return f"{state.units.name(unit_id)} is {state.units.state(unit_id)}: not {done}"


def _why_not_again(state: SchedulerState, unit_id: int) -> str:
    word = state.units.state(unit_id)
    if word in ("failed", "skipped"):
        how = "it failed" if word == "failed" else "it was skipped"
        return f"{how} before this session: `resume --retry-failed` tries it again"
    return f"{state.units.name(unit_id)} is {word}: there is nothing to try again"


def _in_short(reasons: Sequence[str], done: str) -> str:
    first, more = reasons[0], len(reasons) - 1
    return f"{first} (and {more} more not {done})" if more else first
