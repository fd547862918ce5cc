"""Which device had which file in hand when, and what it did of it, from a run's events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from tui_balancer.scheduler.events import (
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    PartEvent,
    ReturnEvent,
    UnbundleEvent,
)
from tui_balancer.scheduler.model import DeviceState, Unit


class SpanEnd(str, Enum):
    """How a unit's time on a device ended; the word is what people read."""

    DONE = "done"
    PART = "done in part"
    FAILED = "failed"
    RETURNED = "returned"
    OUT = "not ended"


@dataclass(frozen=True, slots=True)
class Span:
    """A unit's time on a device.

    Attributes:
        device: Who had it.
        unit_id: The unit.
        epoch: The attempt.
        name: What a person sees.
        start: When it was leased, in seconds of the run.
        end: When that was over.
        how: How it ended.
        files: Files that were finished by it.
        sequences: That were embedded in it and kept.
        residues: Of them.
        cost: Of them, in FLOPs.
        compute_seconds: Time in which batches were in flight; 0 where nothing was kept.
        reason: Why it was not finished; empty otherwise.
    """

    device: str
    unit_id: int
    epoch: int
    name: str
    start: float
    end: float
    how: SpanEnd
    files: int = 0
    sequences: int = 0
    residues: int = 0
    cost: float = 0.0
    compute_seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A device's state for a while, in seconds of the run."""

    device: str
    state: DeviceState
    start: float
    end: float
    reason: str


class LeaseTracker:
    """Follows event by event who has which unit in hand; a divided file is in several hands."""

    def __init__(self) -> None:
        self._out: dict[int, dict[int, str]] = {}
        self._failed: dict[tuple[int, int], str] = {}

    def follow(self, event: Event) -> Iterable[tuple[str, int, SpanEnd]]:
        """Go on by an event; return whose hands it emptied, of which attempt, and how."""
        if isinstance(event, LeaseEvent):
            self._out.setdefault(event.unit_id, {})[event.epoch] = event.device
        elif isinstance(event, FailureEvent):
            # Of a bundle with the same number it may be one file; the bundle's own end follows.
            holders = self._out.pop(event.unit_id, {})
            self._failed |= {(event.unit_id, epoch): one for epoch, one in holders.items()}
            return [(device, epoch, SpanEnd.FAILED) for epoch, device in holders.items()]
        elif isinstance(event, DoneEvent):
            return self._release(event.unit_id, event.epoch, SpanEnd.DONE)
        elif isinstance(event, PartEvent):
            return self._release(event.unit_id, event.epoch, SpanEnd.PART)
        elif isinstance(event, ReturnEvent | UnbundleEvent):
            return self._release(event.unit_id, event.epoch, SpanEnd.RETURNED)
        return ()

    def _release(
        self, unit_id: int, epoch: int, how: SpanEnd
    ) -> Iterable[tuple[str, int, SpanEnd]]:
        holders = self._out.get(unit_id, {})
        device = holders.pop(epoch, None) or self._failed.pop((unit_id, epoch), None)
        if not holders:
            self._out.pop(unit_id, None)
        return () if device is None else ((device, epoch, how),)


def spans(events: Iterable[Event], units: Sequence[Unit], until: float) -> tuple[Span, ...]:
    """Return every time that a unit was in a device's hands, in the order they began.

    Of a unit that several devices worked on, each is credited with what it did.

    Args:
        events: All of the run, oldest first.
        units: Every file as a unit at its number.
        until: When leases end of which no end is told.
    """
    found: list[Span] = []
    places: dict[tuple[int, int], int] = {}
    parts: defaultdict[int, list[Span]] = defaultdict(list)
    holders = LeaseTracker()
    for event in events:
        if isinstance(event, LeaseEvent):
            places[event.unit_id, event.epoch] = len(found)
            lease = (event.device, event.unit_id, event.epoch, event.unit_name)
            found.append(Span(*lease, event.seconds, until, SpanEnd.OUT))
        for _, epoch, how in holders.follow(event):
            begun = found[place := places[event.unit_id, epoch]]  # type: ignore[attr-defined]
            told = (begun.device, begun.unit_id, epoch, begun.name, begun.start, event.seconds, how)
            if isinstance(event, DoneEvent):
                files = [units[number] for number in event.files or (event.unit_id,)]
                by_others = parts.pop(event.unit_id, ())
                found[place] = Span(
                    *told,
                    files=sum(file.inputs for file in files),
                    sequences=_rest(files, by_others, "sequences"),
                    residues=_rest(files, by_others, "residues"),
                    cost=_rest(files, by_others, "cost"),
                    compute_seconds=event.compute_seconds,
                )
            elif isinstance(event, PartEvent):
                found[place] = Span(
                    *told,
                    sequences=event.sequences,
                    residues=event.residues,
                    cost=event.cost,
                    compute_seconds=event.compute_seconds if event.cost else 0.0,
                    reason=event.reason,
                )
                parts[event.unit_id].append(found[place])
            else:
                found[place] = Span(*told, reason=event.reason)  # type: ignore[attr-defined]
    return tuple(found)


def _rest(files: Iterable[Unit], by_others: Sequence[Span], field: str) -> Any:
    """Return what is left of the files' work when that of others is taken off."""
    whole = sum(getattr(file, field) for file in files)
    return max(0, whole - sum(getattr(part, field) for part in by_others)) if by_others else whole


def standings(events: Iterable[Event], until: float) -> tuple[StateSpan, ...]:
    """Return in which state each device was when, in the order these began."""
    found: list[StateSpan] = []
    newest: dict[str, int] = {}
    for event in events:
        if isinstance(event, DeviceEvent):
            before = newest.get(event.device)
            if before is not None:
                found[before] = replace(found[before], end=event.seconds)
            newest[event.device] = len(found)
            found.append(StateSpan(event.device, event.state, event.seconds, until, event.reason))
    return tuple(found)
