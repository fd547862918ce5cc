"""Explains the state of a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui_balancer.formatting import estimate, percent, plural
from tui_balancer.scheduler.events import StealEvent
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.view.handle import Phase
from tui_balancer.view.why.arrivals import arrived
from tui_balancer.view.why.facts import Explanation, Facts, Kind
from tui_balancer.view.why.idle import why_idle
from tui_balancer.view.why.words import paragraph, progress, sentence, them


def explain_device(facts: Facts, device: str) -> Explanation:
    """Return why a device is in its state."""
    metrics = facts.device(device)
    if metrics is None:
        return Explanation(device, Kind.DEVICE, "", f"{device} is not a device of this run.")
    text = _TEXTS[metrics.state](facts, metrics)
    return Explanation(device, Kind.DEVICE, metrics.state.value, text)


def simply_works(facts: Facts, metrics: DeviceMetrics) -> bool:
    """Whether a device needs no explanation."""
    return metrics.state is DeviceState.BUSY and facts.snapshot.phase is Phase.RUNNING


def _starting(facts: Facts, one: DeviceMetrics) -> str:
    told = [event.reason for event in facts.record.changes.get(one.device, ()) if event.reason]
    return paragraph(
        (
            f"{_is(facts, one)}: its worker loads the model",
            f"Before that: {', then '.join(told)}" if one.restarts else "",
            _waiting(one, _open(one, "steal") if facts.snapshot.stealing else ""),
        )
    )


def _idle(facts: Facts, one: DeviceMetrics) -> str:
    idle, freed = _is(facts, one), facts.record.freed.get(one.device)
    began = facts.record.changes.get(one.device)
    if freed is not None and (began is None or freed.seconds >= began[-1].seconds):
        idle = f"{_been(one)} since {facts.time(freed.seconds)}, after {freed.unit_name}"
    return sentence(f"{idle}: {why_idle(facts, one)}")


def _busy(facts: Facts, one: DeviceMetrics) -> str:
    running = one.running
    if running is None:
        return f"{one.device} is busy: it has just taken a file."
    name, came = running.unit.name, facts.record.arrivals.get(running.unit.unit_id)
    end = one.finish_seconds
    finish = "" if end is None else f", and it finishes all work in {estimate(end)}"
    stolen = isinstance(came, StealEvent) and came.target == one.device
    return paragraph(
        (
            f"{one.device} is busy with {name}: {progress(one, running)}",
            arrived(facts, came, name) if came is not None and stolen else "",
            _waiting(one, finish),
            _rank(facts, one),
        )
    )


def _paused(facts: Facts, one: DeviceMetrics) -> str:
    running, snapshot = one.running, facts.snapshot
    reason = snapshot.trouble or _reason(facts, one)
    held = running and f"It holds {running.unit.name} at {percent(running.fraction)}"
    key = "P resumes all devices" if snapshot.paused else "p resumes it"
    return paragraph(
        (
            f"{_is(facts, one)}{f': {reason}' if reason else ''}",
            held or "",
            _waiting(one, _open(one, "take") if snapshot.stealing else ""),
            key,
        )
    )


def _drained(facts: Facts, one: DeviceMetrics) -> str:
    reason = _reason(facts, one)
    what = _open(one, "take")
    if facts.snapshot.no_device:
        what = "; no device is left, and the run waits until one is started"
    return paragraph(
        (
            f"{_is(facts, one)}{f': {reason}' if reason else ''}, and its memory is free",
            _waiting(one, what),
            "D starts it again",
        )
    )


def _dead(facts: Facts, one: DeviceMetrics) -> str:
    reason = _reason(facts, one) or one.note
    lost = facts.record.freed.get(one.device)
    moved = f"Its last unit was {lost.unit_name}" if lost else ""
    return paragraph(
        (
            f"{_is(facts, one)}{f': {reason}' if reason else ''}",
            moved,
            _waiting(one, _open(one, "take")),
        )
    )


def _stopped(facts: Facts, one: DeviceMetrics) -> str:
    reason = _reason(facts, one)
    if not reason:
        ended = facts.snapshot.phase is Phase.FINISHED
        reason = facts.snapshot.stop_reason or ("the run has ended" if ended else "no work is left")
    files = f"It finished {plural(one.files_done, 'file')}"
    return paragraph((f"{_is(facts, one)}: {reason}", files))


_TEXTS: Final[dict[DeviceState, Callable[[Facts, DeviceMetrics], str]]] = {
    DeviceState.STARTING: _starting,
    DeviceState.IDLE: _idle,
    DeviceState.BUSY: _busy,
    DeviceState.PAUSED: _paused,
    DeviceState.DRAINED: _drained,
    DeviceState.DEAD: _dead,
    DeviceState.STOPPED: _stopped,
}


def _is(facts: Facts, one: DeviceMetrics) -> str:
    """Return the state of a device, and when it began where events tell of it."""
    changes = facts.record.changes.get(one.device)
    if not changes or changes[-1].state is not one.state:
        return f"{one.device} is {one.state.value}"
    return f"{_been(one)} since {facts.time(changes[0].seconds)}"


def _been(one: DeviceMetrics) -> str:
    return f"{one.device} has been {one.state.value}"


def _reason(facts: Facts, one: DeviceMetrics) -> str:
    """Return why a device is in its state, from its newest event."""
    changes = facts.record.changes.get(one.device)
    return changes[-1].reason if changes and changes[-1].state is one.state else ""


def _waiting(one: DeviceMetrics, more: str) -> str:
    """Return how many files wait for a device, and the consequence; empty if none does."""
    if not one.queued_files:
        return ""
    verb = "waits" if one.queued_files == 1 else "wait"
    return f"{plural(one.queued_files, 'file')} {verb} for it{more}"


def _open(one: DeviceMetrics, verb: str) -> str:
    return f"; other devices may {verb} {them(one.queued_files)}"


def _rank(facts: Facts, one: DeviceMetrics) -> str:
    """Return whether a device finishes last, and by how much."""
    ends = facts.ends()
    if len(ends) < 2 or ends[0] is not one:
        return ""
    gap = (ends[0].finish_seconds or 0.0) - (ends[1].finish_seconds or 0.0)
    last = f"It is the last to end, in {estimate(one.finish_seconds)}"
    return f"{last}, {estimate(gap)} after {ends[1].device}"
