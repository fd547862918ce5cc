"""The spans of a run: which device worked on which unit, when and with what result."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui_balancer.scheduler.events import DeviceEvent, LeaseEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.run_state import Release, RunView, SpanEnd


@dataclass(slots=True)
class Span:
    """A unit's time on a device.

    Attributes:
        epoch: The attempt.
        name: Its name on the screen.
        start: Start of the lease, in seconds since the run started.
        end: End of the lease.
        how: How it ended.
        files: Files that it finished.
        sequences: Sequences embedded in it and kept.
        cost: Their cost in FLOPs.
        compute_seconds: Seconds with batches in flight; 0 if nothing was kept.
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
    """A device's state over a period, in seconds since the run started."""

    device: str
    state: DeviceState
    start: float
    end: float
    reason: str


class SpanRecord(RunView):
    """All spans of units on devices, and all states of devices.

    If several devices worked on a unit, each is credited with its own work.

    Args:
        until: End of spans without an event for their end.

    Attributes:
        spans: Spans in order of start.
        states: States in order of start.
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
