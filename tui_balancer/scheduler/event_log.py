"""The run's events: numbered, timed, kept for the screen and handed to the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Concatenate, ParamSpec, TypeVar

from tui_balancer.scheduler.events import Event, StealEvent

KEPT_EVENTS = 10_000
"""Older events are in the ledger; the screen never shows more."""

KEPT_STEALS = 50
"""As many as the specification's `get_recent_steal_events` returns."""

EventSink = Callable[[Event], None]
Fields = ParamSpec("Fields")
AnyEvent = TypeVar("AnyEvent", bound=Event)


class EventLog:
    """Gives every event its number and time, without gaps from 1.

    The journal sees each event before anybody else can: a ledger that raises keeps the
    event from being shown.
    """

    def __init__(self, clock: Callable[[], float], journal: EventSink | None) -> None:
        self._clock = clock
        self._journal = journal
        self._kept: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._steals: deque[StealEvent] = deque(maxlen=KEPT_STEALS)
        self.last = 0

    def add(
        self,
        kind: Callable[Concatenate[int, float, Fields], AnyEvent],
        *args: Fields.args,
        **fields: Fields.kwargs,
    ) -> AnyEvent:
        """Make, number, journal and keep an event of this kind."""
        event = kind(self.last + 1, self._clock(), *args, **fields)
        if self._journal is not None:
            self._journal(event)
        self.last = event.sequence
        self._kept.append(event)
        if isinstance(event, StealEvent):
            self._steals.append(event)
        return event

    def after(self, sequence: int) -> tuple[Event, ...]:
        """Return the kept events with a greater number, oldest first."""
        newer = list(takewhile(lambda event: event.sequence > sequence, reversed(self._kept)))
        return tuple(reversed(newer))

    def steals(self) -> tuple[StealEvent, ...]:
        """Return the newest steals, oldest first."""
        return tuple(self._steals)
