"""How a file came to its place: stolen, handed over, moved, shared, returned, put back."""

from __future__ import annotations

from tui_balancer.formatting import plural
from tui_balancer.scheduler.events import (
    MoveEvent,
    RetryEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
)
from tui_balancer.scheduler.policy.rule_settings import sooner
from tui_balancer.view.why.facts import Facts
from tui_balancer.view.why.record import Arrival


def arrival(facts: Facts, unit_id: int) -> str:
    """Return how a unit came to its queue; empty for the initial assignment."""
    event = facts.record.arrivals.get(unit_id)
    return "" if event in (None, facts.told) else arrived(facts, event, "It")


def sharing(facts: Facts, unit_id: int) -> str:
    """Return which device joined a unit last; empty if none did."""
    event = facts.record.splits.get(unit_id)
    return "" if event in (None, facts.told) else shared(facts, event, "it")


def arrived(facts: Facts, event: Arrival, name: str) -> str:
    """Return the effect of an event on a unit of this name."""
    when = f"at {facts.time(event.seconds)}"
    if isinstance(event, StealEvent):
        return _stolen(event, name, when)
    if isinstance(event, MoveEvent):
        more = f" ({event.reason})" if event.reason else ""
        if event.source == event.target:
            return f"{name} was moved in the queue of {event.target} by hand {when}{more}"
        return f"{name} was moved by hand from {event.source} to {event.target} {when}{more}"
    if isinstance(event, RetryEvent):
        return f"{name} was put back by hand {when}, for {event.device}"
    if isinstance(event, UnbundleEvent):
        files = plural(len(event.files), "file")
        why = f"too many workers died with its bundle of {files} ({event.reason})"
        return f"{name} waits outside its bundle since {event.device} returned it {when}: {why}"
    return f"{name} came back from {event.device} {when}: {event.reason}"


def shared(facts: Facts, event: SplitEvent, name: str) -> str:
    """Return how a device joined a running unit of this name."""
    when, gain = f"at {facts.time(event.seconds)}", _gain(event)
    why = event.reason if gain is None else f"it would end {gain}"
    if event.copy:
        return f"{event.target} started a copy of {name} from {event.source} {when}: {why}"
    some = f"{event.batches:,} of {plural(event.of, 'batch', 'batches')}"
    return f"{event.target} took {some} of {name} from {event.source} {when}: {why}"


def _gain(event: StealEvent | SplitEvent) -> str | None:
    """Return the estimated gain in time; None without an estimate."""
    without, finish = event.finish_without, event.finish_with
    return None if without is None or finish is None else sooner(without - finish)


def _stolen(event: StealEvent, name: str, when: str) -> str:
    gain = _gain(event)
    if event.first:
        route = f"{name} was stolen from {event.source} by {event.target} {when}"
        sooner_by = f"both would end {gain}"
    else:
        route = f"{name} was handed over from {event.source} to {event.target} {when}"
        sooner_by = f"it would end {gain} there"
    return f"{route}: {event.reason}" if gain is None else f"{route}, by finish times: {sooner_by}"
