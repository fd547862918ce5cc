"""Explains why a file waits or runs, or how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from tui_balancer.failures import ADVICE
from tui_balancer.formatting import count, duration, estimate, plural
from tui_balancer.scheduler.events import FailureEvent, SkipEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.handle import Phase
from tui_balancer.view.why.arrivals import arrival, sharing
from tui_balancer.view.why.facts import ENDING, Explanation, Facts, FileWord, Kind, Place
from tui_balancer.view.why.words import ordinal, paragraph, progress


def explain_file(facts: Facts, number: int) -> Explanation:
    """Return why a file is in its state."""
    place, name = facts.place(number), facts.units[number].name
    return Explanation(
        name, Kind.FILE, place.state.value, _TEXTS[place.state](facts, number, place)
    )


def _waiting(facts: Facts, number: int, place: Place) -> str:
    name, snapshot = facts.units[number].name, facts.snapshot
    unit_id = facts.record.unit_of(number)
    resume = f"`tui-balancer resume {snapshot.output}` starts it"
    came = arrival(facts, unit_id)
    if snapshot.phase is Phase.FINISHED:
        ended = snapshot.stop_reason or "the run ended before its turn"
        return paragraph((f"{name} waits: {ended}", came, resume))
    if snapshot.phase in ENDING:
        return paragraph((f"{name} waits: the run is ending and starts no other file", resume))
    if not place.device:
        return paragraph((f"{name} waits: {_for_nobody(facts, number)}",))
    return paragraph(
        (
            f"{name} waits: {_in_queue(facts, place)}",
            _bundle(facts, number),
            came,
            _last(facts, number),
        )
    )


def _in_queue(facts: Facts, place: Place) -> str:
    device = place.device
    if place.position:
        queued = f"it is {ordinal(place.position + 1)} in the queue of {device}"
    else:
        queued = f"it is the next file of {device}"
    metrics = facts.device(device)
    state = metrics.state if metrics is not None else DeviceState.STOPPED
    if state is DeviceState.PAUSED and not facts.snapshot.stealing:
        return f"{queued}, which is paused and must be resumed (--no-stealing)"
    if state is DeviceState.PAUSED:
        return (
            f"{queued}, which is paused; it starts when {device} is resumed or another one is idle"
        )
    if facts.snapshot.no_device:
        return f"{queued}, which is {state.value}; it starts when a device is started"
    if state in (DeviceState.DRAINED, DeviceState.DEAD, DeviceState.STOPPED):
        return f"{queued}, which is {state.value}; it starts when another device is idle"
    starts = facts.starts_in(place)
    if starts is None:
        return f"{queued}, whose speed is not known yet"
    return f"{queued} and starts in {estimate(starts)}"


def _for_nobody(facts: Facts, number: int) -> str:
    if facts.units[number].shards:
        return f"it is joined when its shards are done ({_shards(facts, number)})"
    if not facts.assigned:
        return "files are assigned to devices once all inputs are read"
    return "no device has it"


def _running(facts: Facts, number: int, _place: Place) -> str:
    unit = facts.units[number]
    if unit.shards and not facts.record.leases(number):
        return paragraph((f"{unit.name} runs in shards: {_shards(facts, number)}",))
    unit_id = facts.record.unit_of(number)
    leases = facts.record.leases(unit_id)
    if not leases:
        return f"{unit.name} runs: a device has just taken it."
    devices = " and ".join(dict.fromkeys(lease.device for lease in leases))
    if len(leases) == 1:
        how = _progress(facts, devices, unit_id)
    else:
        how = "; ".join(f"{one.device} {_progress(facts, one.device, unit_id)}" for one in leases)
    attempts = facts.record.attempts.get(unit_id, 1)
    return paragraph(
        (
            f"{unit.name} has run on {devices} since {facts.time(leases[0].seconds)}: {how}",
            f"This is attempt {count(attempts)}" if attempts > 1 else "",
            _bundle(facts, number),
            arrival(facts, unit_id),
            sharing(facts, unit_id),
            _last(facts, number),
        )
    )


def _progress(facts: Facts, device: str, unit_id: int) -> str:
    metrics = facts.device(device)
    running = metrics.running if metrics is not None else None
    if metrics is None or running is None or running.unit.unit_id != unit_id:
        return "all of it computed, its output is being written"
    share = " of its share" if unit_id in facts.record.splits else ""
    return progress(metrics, running, of=share)


def _done(facts: Facts, number: int, _place: Place) -> str:
    name, record = facts.units[number].name, facts.record
    finish = record.finish(number)
    if finish is None and not record.complete:
        return f"{name} is done; the events that say when and where are not kept here."
    if finish is None:
        return f"{name} is done: it was finished before this session."
    unit_id = record.unit_of(number)
    alone = finish.took is not None and unit_id not in record.splits
    took = f" after {duration(finish.took)} of computing" if alone else ""
    last = facts.snapshot.phase is Phase.FINISHED and facts.last_to_end() == number
    return paragraph(
        (
            f"{name} is done: {finish.device} finished it at {facts.time(finish.seconds)}{took}",
            _bundle(facts, number),
            arrival(facts, unit_id),
            sharing(facts, unit_id),
            "It was the last to end" if last else "",
        )
    )


def _failed(facts: Facts, number: int, _place: Place) -> str:
    name, event = facts.units[number].name, _end(facts, number)
    if event is None:
        return f"{name} failed; the event with the reason is not kept here."
    attempts = facts.record.attempts.get(facts.record.unit_of(number), 1)
    times = f" after {count(attempts)} attempts" if attempts > 1 else ""
    device = f" on {event.device}" if event.device else ""
    failed = f"{name} failed{device} at {facts.time(event.seconds)}{times}: {event.reason}"
    advice = ADVICE.get(event.cause, "") if isinstance(event, FailureEvent) else ""
    return paragraph((failed, advice, _again(facts, event)))


def _skipped(facts: Facts, number: int, _place: Place) -> str:
    name, event = facts.units[number].name, _end(facts, number)
    if event is None:
        return f"{name} is skipped; the event that says when is not kept here."
    device = f" while it waited for {event.device}" if event.device else ""
    skipped = f"{name} is skipped, by hand at {facts.time(event.seconds)}{device}"
    return paragraph((skipped, _again(facts, event)))


def _end(facts: Facts, number: int) -> FailureEvent | SkipEvent | None:
    """Return what ended a file without an output: its own event, or its bundle's or file's."""
    ends, whole = facts.record.ends, facts.units[number].whole
    numbers = (number, facts.record.unit_of(number), number if whole is None else whole)
    return next((ends[one] for one in numbers if one in ends), None)


def _again(facts: Facts, event: FailureEvent | SkipEvent) -> str:
    """Return how to retry a file.

    A file that failed before a device had it stays failed in this session.
    """
    early = isinstance(event, FailureEvent) and event.device is None
    if early or facts.snapshot.phase in (Phase.FINISHED, *ENDING):
        return f"`tui-balancer resume {facts.snapshot.output} --retry-failed` retries it"
    return "Press r to retry it"


def _bundle(facts: Facts, number: int) -> str:
    files = facts.record.bundled(number)
    return f"It is computed in a bundle of {plural(files, 'file')}" if files > 1 else ""


def _shards(facts: Facts, number: int) -> str:
    """Return the number of a file's shards by state."""
    states = Counter(facts.place(shard).state for shard in facts.units[number].shards)
    return ", ".join(f"{count(states[word])} {word.value}" for word in FileWord if states[word])


def _last(facts: Facts, number: int) -> str:
    return "It is expected to end last" if facts.last_to_end() == number else ""


_TEXTS: Final[dict[FileWord, Callable[[Facts, int, Place], str]]] = {
    FileWord.WAITING: _waiting,
    FileWord.RUNNING: _running,
    FileWord.DONE: _done,
    FileWord.FAILED: _failed,
    FileWord.SKIPPED: _skipped,
}
