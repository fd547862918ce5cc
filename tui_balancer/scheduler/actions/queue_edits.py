"""What a person does to waiting files: move, reorder, skip, try again, and undo a move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tui_balancer.scheduler.events import MoveEvent, RetryEvent, SkipEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import LastMove, SchedulerState

BY_HAND = "by hand"
SKIPPED = f"skipped {BY_HAND}"


class Refused(Exception):
    """A command that cannot be carried out; the message is the reason."""


def move(board: SchedulerState, unit_ids: Sequence[int], target: DeviceRecord) -> str:
    """Put waiting units at the end of another device's queue."""
    refused: list[str] = []
    chosen: list[int] = []
    for unit_id in _waiting(board, unit_ids, refused):
        if board.units.home[unit_id] == target.device:
            name = target.queue[unit_id].name
            refused.append(f"{name} waits for {target.device} already")
        else:
            chosen.append(unit_id)
    last = _take_out(board, chosen, refused)
    names = []
    for unit_id, source, unit in last:
        target.queue.append(unit)
        board.units.home[unit_id] = board.last_move.now[unit_id] = target.device
        board.log.add(MoveEvent, unit_id, unit.name, source, target.device)
        names.append(unit.name)
    return _told(board, f"moved {{}} to {target.device}", names, refused)


def reorder(board: SchedulerState, unit_ids: Sequence[int], *, first: bool) -> str:
    """Put waiting units before or behind all others of their queues, in the given order."""
    refused: list[str] = []
    taken = _take_out(board, list(_waiting(board, unit_ids, refused)), refused)
    where = "first" if first else "last"
    for unit_id, device, unit in reversed(taken) if first else taken:
        queue = board.device_pool[device].queue
        put: Callable[[Unit], None] = queue.push_front if first else queue.append
        put(unit)
        board.last_move.now[unit_id] = device
        board.log.add(MoveEvent, unit_id, unit.name, device, device, f"now the {where} one")
    names = [unit.name for _, _, unit in taken]
    return _told(board, f"{{}} comes {where} now", names, refused, f"{{}} come {where} now")


def undo(board: SchedulerState) -> str:
    """Put the units of the last move back to their places, those that still wait there."""
    last, board.last_move = board.last_move, LastMove()
    if not last.now:
        raise Refused("there is no move to undo")
    names: list[str] = []
    for device, places in last.places.items():
        back = {
            place: unit
            for place, unit in places.items()
            if board.units.home.get(unit.unit_id) == last.now[unit.unit_id]
        }
        for unit in back.values():
            source = last.now[unit.unit_id]
            board.device_pool[source].queue.remove(unit.unit_id)
            board.units.home[unit.unit_id] = device
            board.log.add(MoveEvent, unit.unit_id, unit.name, source, device, "undone")
            names.append(unit.name)
        board.device_pool[device].queue.put_back(back)
    if not names:
        raise Refused("nothing to undo: what was moved has started or changed hands")
    gone = len(last.now) - len(names)
    text = _told(board, "{} is back in its place", names, (), "{} are back in their places")
    return f"{text}; {gone} started or changed hands meanwhile" if gone else text


def skip(board: SchedulerState, unit_ids: Sequence[int]) -> str:
    """Fail waiting units without computing them."""
    refused: list[str] = []
    names: list[str] = []
    files = dict.fromkeys(map(board.divided.file_of, unit_ids))
    for unit_id in [one for one in files if board.divided.waits(one)]:
        names.append(board.divided.fail(unit_id).name)
        board.log.add(SkipEvent, unit_id, names[-1], "", SKIPPED)
        del files[unit_id]
    for unit_id in _waiting(board, files, refused, "skipped"):
        device = board.units.home[unit_id]
        unit = board.device_pool[device].queue.remove(unit_id)
        board.units.skip(unit)
        bundled = unit.numbers if unit.parts else ()
        board.log.add(SkipEvent, unit_id, unit.name, device, SKIPPED, bundled)
        names.append(unit.name)
    return _told(board, "skipped {}", names, refused, done="skipped")


def retry(board: SchedulerState, unit_ids: Sequence[int]) -> str:
    """Let units that failed in this session wait again, for the device that is free first."""
    refused: list[str] = []
    names: list[str] = []
    for unit_id in dict.fromkeys(board.divided.file_of(board.units.whole(one)) for one in unit_ids):
        unit = board.units.failed.get(unit_id)
        if unit is None:
            refused.append(_why_not_again(board, unit_id))
            continue
        record = _first_free(board)
        if board.divided.can_retry(unit_id):
            names.append(board.divided.retry(unit_id, record).name)
            continue
        board.units.retry(unit_id, record.device)
        record.queue.append(unit)
        files = unit.numbers if unit.parts else ()
        board.log.add(RetryEvent, unit_id, unit.name, record.device, files)
        names.append(unit.name)
    return _told(board, "{} waits again", names, refused, "{} wait again", "tried again")


def _waiting(
    board: SchedulerState, unit_ids: Iterable[int], refused: list[str], done: str = "moved"
) -> Iterable[int]:
    """Yield those that wait, each once; say of the others why it is not done with them.

    A file of a bundle stands for its bundle, a divided file for its waiting shards.
    """
    chosen: list[int] = []
    for unit_id in unit_ids:
        chosen += board.divided.waiting(unit_id) or (board.units.whole(unit_id),)
    for unit_id in dict.fromkeys(chosen):
        if unit_id in board.units.home and not board.divided.waits(unit_id):
            yield unit_id
        else:
            refused.append(_why_not_waiting(board, unit_id, done))


def _take_out(
    board: SchedulerState, unit_ids: Sequence[int], refused: Sequence[str], done: str = "moved"
) -> list[tuple[int, str, Unit]]:
    """Take waiting units out of their queues; their places are what an undo needs.

    Returns:
        Number, device and unit of each, in the given order.
    """
    if not unit_ids:
        raise Refused(_in_short(refused, done) if refused else "no file is chosen")
    wanted = set(unit_ids)
    board.last_move = last = LastMove()
    homes = {unit_id: board.units.home[unit_id] for unit_id in unit_ids}
    for device in dict.fromkeys(homes.values()):
        queue = board.device_pool[device].queue
        last.places[device] = {
            place: unit for place, unit in enumerate(queue) if unit.unit_id in wanted
        }
    return [
        (unit_id, device, board.device_pool[device].queue.remove(unit_id))
        for unit_id, device in homes.items()
    ]


def _told(
    board: SchedulerState,
    text: str,
    names: Sequence[str],
    refused: Sequence[str],
    many: str = "",
    done: str = "moved",
) -> str:
    """Note that queues have changed, and return what to tell a person.

    Args:
        board: The board.
        text: For one file, with `{}` for its name.
        names: What it was done to.
        refused: Why it was not done to others.
        many: For several files, where the words differ.
        done: What was not done to those others.
    """
    if not names:
        raise Refused(_in_short(refused, done) if refused else "no file is chosen")
    board.balancer.forget()
    board.changed()
    if len(names) == 1:
        message = text.format(names[0])
    else:
        message = (many or text).format(f"{len(names)} files")
    return f"{message}; {_in_short(refused, done)}" if refused else message


def _first_free(board: SchedulerState) -> DeviceRecord:
    """Return the live device that is through with its queue before all others."""
    now = board.clock()
    return min(
        board.device_pool.live,
        key=lambda record: (
            record.paused,
            board.device_pool.remaining_seconds(record, now) or 0.0,
            record.queue.cost,
        ),
    )


def _why_not_waiting(board: SchedulerState, unit_id: int, done: str) -> str:
    work = board.units.active.get(unit_id)
    if work is not None:
        return f"{work.unit.name} has started on {work.device}: not {done}"
    if board.divided.waits(unit_id):
        return f"all shards of {board.units.name(unit_id)} have started: not {done}"
    return f"{board.units.name(unit_id)} is {board.units.state(unit_id)}: not {done}"


def _why_not_again(board: SchedulerState, unit_id: int) -> str:
    state = board.units.state(unit_id)
    if state == "failed":
        return "it failed before this session: `resume --retry-failed` tries it again"
    return f"{board.units.name(unit_id)} is {state}: there is nothing to try again"


def _in_short(reasons: Sequence[str], done: str) -> str:
    first, more = reasons[0], len(reasons) - 1
    return f"{first} (and {more} more not {done})" if more else first
