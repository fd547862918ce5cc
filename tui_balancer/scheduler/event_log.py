"""The run's events: numbered, timed, kept for the screen and passed to the sink.

Important events are kept for ever, so that a screen counts every failure of a long run; others
are kept while there is room.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import chain, takewhile
from typing import Concatenate, ParamSpec, TypeVar

from tui_balancer.scheduler.events import (
    Event,
    FailureEvent,
    RetryEvent,
    SkipEvent,
    StealEvent,
    WarningEvent,
)

KEPT_EVENTS = 10_000
"""Number of kept events; older ones are in the ledger, and on the screen only if `LASTING`."""

LASTING = (FailureEvent, SkipEvent, RetryEvent, WarningEvent)
"""Events about failed files and warnings."""

KEPT_STEALS = 50
"""The number that the specification's `get_recent_steal_events` returns."""

EventSink = Callable[[Event], None]
Fields = ParamSpec("Fields")
AnyEvent = TypeVar("AnyEvent", bound=Event)


class EventLog:
    """Gives every event its number and time, without gaps from 1.

    The sink gets each event first: if a ledger raises, the event is not shown.
    """

    def __init__(self, clock: Callable[[], float], sink: EventSink | None) -> None:
        self._clock = clock
        self._sink = sink
        self._kept: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._lasting: list[Event] = []
        self._steals: deque[Event] = deque(maxlen=KEPT_STEALS)
        self.last = 0

    def add(
        self,
        kind: Callable[Concatenate[int, float, Fields], AnyEvent],
        *args: Fields.args,
        **fields: Fields.kwargs,
    ) -> AnyEvent:
        """Create, number and keep an event, after passing it to the sink."""
        event = kind(self.last + 1, self._clock(), *args, **fields)
        if self._sink is not None:
            self._sink(event)
        self.last = event.sequence
        self._kept.append(event)
        # Events have no subclasses, and `isinstance` takes several times as long.
        if type(event) is StealEvent:
            self._steals.append(event)
        elif type(event) in LASTING:
            self._lasting.append(event)
        return event

    def after(self, sequence: int) -> tuple[Event, ...]:
        """Return the kept events with a higher number, oldest first."""
        oldest = self._kept[0].sequence if self._kept else 0
        lasting = (event for event in reversed(self._lasting) if event.sequence < oldest)
        newest_first = chain(reversed(self._kept), lasting)
        newer = list(takewhile(lambda event: event.sequence > sequence, newest_first))
        return tuple(reversed(newer))

    def steals(self) -> tuple[StealEvent, ...]:
        """Return the newest steals, oldest first."""
        return tuple(event for event in self._steals if isinstance(event, StealEvent))
