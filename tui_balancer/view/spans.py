"""Which device had which file in hand when, and what it did of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui_balancer.scheduler.events import DeviceEvent, LeaseEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.run_state import Release, RunView, SpanEnd


@dataclass(slots=True)
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


class SpanRecord(RunView):
    """Every time that a unit was in a device's hands, and every state of a device.

    Of a unit that several devices worked on, each is credited with what it did.

    Args:
        until: When that ends of which no end is told.

    Attributes:
        spans: In the order they began.
        states: Likewise.
    """

    def __init__(self, until: float) -> None:
        self.spans: list[Span] = []
        self.states: list[StateSpan] = []
        self._until = until
        self._of_lease: dict[int, Span] = {}
        self._newest: dict[str, int] = {}

    def leased(self, event: LeaseEvent) -> None:
        """See `RunView`."""
        lease = (event.device, event.unit_id, event.epoch, event.unit_name)
        span = Span(*lease, event.seconds, self._until, SpanEnd.OUT)
        self._of_lease[event.sequence] = span
        self.spans.append(span)

    def released(self, lease: LeaseEvent, end: Release) -> None:
        """See `RunView`."""
        span, work = self._of_lease[lease.sequence], end.work
        span.end, span.how, span.reason = end.seconds, end.how, end.reason
        span.files, span.sequences = work.files, work.sequences
        span.residues, span.cost = work.residues, work.cost
        span.compute_seconds = end.compute_seconds

    def device_changed(self, event: DeviceEvent) -> None:
        """See `RunView`."""
        before = self._newest.get(event.device)
        if before is not None:
            self.states[before] = replace(self.states[before], end=event.seconds)
        self._newest[event.device] = len(self.states)
        self.states.append(
            StateSpan(event.device, event.state, event.seconds, self._until, event.reason)
        )
