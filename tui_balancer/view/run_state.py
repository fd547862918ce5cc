"""The fold of a run's events: interprets each event once and updates all views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, NamedTuple

from tui_balancer.scheduler.events import (
    AddedEvent,
    AssignmentEvent,
    AttemptEvent,
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    PartEvent,
    RetryEvent,
    ReturnEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import Unit


class SpanEnd(str, Enum):
    """How a unit's time on a device ended; the value is its name on the screen."""

    DONE = "done"
    PART = "done in part"
    FAILED = "failed"
    RETURNED = "returned"
    OUT = "not ended"


@dataclass(slots=True)
class Work:
    """Amounts of work: finished files, embedded sequences and residues, and cost in FLOPs."""

    files: int = 0
    sequences: int = 0
    residues: int = 0
    cost: float = 0.0

    def add(self, other: Work) -> None:
        """Add another amount."""
        self.files += other.files
        self.sequences += other.sequences
        self.residues += other.residues
        self.cost += other.cost


class Release(NamedTuple):
    """How a lease ended.

    Attributes:
        seconds: When it ended.
        how: The way it ended.
        work: Its work that counts, without the parts of other devices.
        compute_seconds: Seconds with batches in flight; 0 if nothing is kept.
        reason: Why the unit was not finished; empty otherwise.
    """

    seconds: float
    how: SpanEnd
    work: Work
    compute_seconds: float = 0.0
    reason: str = ""


_NONE: Final = Work()


class RunView:
    """A view of a run; the fold calls its methods, which do nothing by default."""

    def expect(self, files: Sequence[Unit]) -> None:
        """Set the files, which events refer to by number; those added later come to its end."""

    def assigned(self, event: AssignmentEvent) -> None:
        """Units were assigned to the ends of queues."""

    def added(self, event: AddedEvent) -> None:
        """Files were added to the run."""

    def stolen(self, event: StealEvent) -> None:
        """A unit is now first in another device's queue."""

    def moved(self, event: MoveEvent, units: Sequence[int]) -> None:
        """A person moved these waiting units."""

    def split(self, event: SplitEvent) -> None:
        """A device joined another device's unit."""

    def leased(self, event: LeaseEvent) -> None:
        """A worker has leased a unit."""

    def released(self, lease: LeaseEvent, end: Release) -> None:
        """A lease has ended; for a bundle whose first file has failed, the second call is right."""

    def worked(self, event: DoneEvent | PartEvent, work: Work) -> None:
        """A device has done work that counts, as in `Release`."""

    def returned(self, event: ReturnEvent) -> None:
        """A unit waits again, because no worker has it."""

    def unbundled(self, event: UnbundleEvent) -> None:
        """The files of a bundle wait individually."""

    def done(self, event: DoneEvent, files: Sequence[int]) -> None:
        """These files have their outputs."""

    def failed(self, event: FailureEvent | SkipEvent, files: Sequence[int]) -> None:
        """These files will have no outputs."""

    def reopened(self, event: RetryEvent, files: Sequence[int]) -> None:
        """The files of a unit have failed, and wait again; the first has the unit's number."""

    def device_changed(self, event: DeviceEvent) -> None:
        """The state of a device has changed."""

    def warned(self, event: WarningEvent) -> None:
        """A warning was issued."""


class RunState:
    """Folds a run's events one by one and updates its views.

    Attributes:
        last_event: Number of the newest event; 0 before the first.
        leases: Current leases by unit and epoch; a split unit has several.
        devices: The newest state of each device.
    """

    def __init__(self, *views: RunView) -> None:
        self.last_event = 0
        self.leases: dict[int, dict[int, LeaseEvent]] = {}
        self.devices: dict[str, DeviceEvent] = {}
        # By verb, the views that do something then: most events concern few of them.
        self._told: dict[str, list[Callable[..., None]]] = {
            verb: [
                getattr(view, verb) for view in views if getattr(type(view), verb) is not nothing
            ]
            for verb, nothing in vars(RunView).items()
            if not verb.startswith("_")
        }
        self._files: Sequence[Unit] = ()
        self._by_parts: dict[int, Work] = {}
        self._failed: dict[tuple[int, int], LeaseEvent] = {}

    def expect(self, files: Sequence[Unit]) -> None:
        """Set the files, which events refer to by number; without them no work is counted.

        Args:
            files: Those added later come to its end before their event.
        """
        self._files = files
        for tell in self._told["expect"]:
            tell(files)

    def copy(self, *views: RunView) -> RunState:
        """Return an independent copy that updates these views."""
        twin = RunState(*views)
        twin.last_event, twin.devices = self.last_event, dict(self.devices)
        twin.leases = {unit_id: dict(leases) for unit_id, leases in self.leases.items()}
        twin._files, twin._failed = self._files, dict(self._failed)
        twin._by_parts = {unit_id: replace(work) for unit_id, work in self._by_parts.items()}
        return twin

    def apply(self, event: Event) -> None:
        """Apply the next event."""
        self.last_event = event.sequence
        if (meaning := _MEANINGS.get(type(event))) is not None:
            meaning(self, event)

    def apply_all(self, events: Iterable[Event]) -> None:
        """Apply the next events."""
        for event in events:
            self.apply(event)

    def _move(self, event: MoveEvent) -> None:
        units = event.unit_ids
        for tell in self._told["moved"]:
            tell(event, units)

    def _skip(self, event: SkipEvent) -> None:
        numbers = event.numbers
        for tell in self._told["failed"]:
            tell(event, numbers)

    def _retry(self, event: RetryEvent) -> None:
        for files in event.files:
            for tell in self._told["reopened"]:
                tell(event, files)

    def _lease(self, event: LeaseEvent) -> None:
        self.leases.setdefault(event.unit_id, {})[event.epoch] = event
        for tell in self._told["leased"]:
            tell(event)

    def _part(self, event: PartEvent) -> None:
        work = Work(0, event.sequences, event.residues, event.cost)
        self._by_parts.setdefault(event.unit_id, Work()).add(work)
        kept = event.compute_seconds if event.cost else 0.0
        self._release(event, Release(event.seconds, SpanEnd.PART, work, kept, event.reason))
        for tell in self._told["worked"]:
            tell(event, work)

    def _return(self, event: ReturnEvent) -> None:
        self._release(event, Release(event.seconds, SpanEnd.RETURNED, _NONE, reason=event.reason))
        if event.unit_id not in self.leases:
            for tell in self._told["returned"]:
                tell(event)

    def _unbundle(self, event: UnbundleEvent) -> None:
        self._release(event, Release(event.seconds, SpanEnd.RETURNED, _NONE, reason=event.reason))
        for tell in self._told["unbundled"]:
            tell(event)

    def _done(self, event: DoneEvent) -> None:
        numbers = event.files or (event.unit_id,)
        work = self._rest(event.unit_id, numbers)
        self._release(event, Release(event.seconds, SpanEnd.DONE, work, event.compute_seconds))
        for tell in self._told["worked"]:
            tell(event, work)
        for tell in self._told["done"]:
            tell(event, numbers)

    def _failure(self, event: FailureEvent) -> None:
        # This may be a file with its bundle's number; the end of the bundle follows.
        for lease in self.leases.pop(event.unit_id, {}).values():
            self._failed[lease.unit_id, lease.epoch] = lease
            end = Release(event.seconds, SpanEnd.FAILED, _NONE, reason=event.reason)
            for tell in self._told["released"]:
                tell(lease, end)
        for tell in self._told["failed"]:
            tell(event, (event.unit_id,))

    def _device(self, event: DeviceEvent) -> None:
        self.devices[event.device] = event
        for tell in self._told["device_changed"]:
            tell(event)

    def _release(self, event: AttemptEvent, end: Release) -> None:
        leases = self.leases.get(event.unit_id, {})
        lease = leases.pop(event.epoch, None)
        if not leases:
            self.leases.pop(event.unit_id, None)
        lease = lease or self._failed.pop((event.unit_id, event.epoch), None)
        if lease is not None:
            for tell in self._told["released"]:
                tell(lease, end)

    def _rest(self, unit_id: int, numbers: Sequence[int]) -> Work:
        """Return the work in files without the parts of other devices."""
        if not self._files:
            return _NONE
        work = self._work(numbers[0])
        for number in numbers[1:]:
            work.add(self._work(number))
        if others := self._by_parts.pop(unit_id, None):
            work.sequences = max(0, work.sequences - others.sequences)
            work.residues = max(0, work.residues - others.residues)
            work.cost = max(0.0, work.cost - others.cost)
        return work

    def _work(self, number: int) -> Work:
        file = self._files[number]
        return Work(file.inputs, file.sequences, file.residues, file.cost)


def _told(verb: str) -> Callable[[RunState, Any], None]:
    """Return a handler that passes the event to the views unchanged."""

    def tell(state: RunState, event: Event) -> None:
        for one in state._told[verb]:
            one(event)

    return tell


_MEANINGS: Final[dict[type[Event], Callable[[RunState, Any], None]]] = {
    AssignmentEvent: _told("assigned"),
    AddedEvent: _told("added"),
    StealEvent: _told("stolen"),
    MoveEvent: RunState._move,
    SkipEvent: RunState._skip,
    RetryEvent: RunState._retry,
    SplitEvent: _told("split"),
    LeaseEvent: RunState._lease,
    PartEvent: RunState._part,
    ReturnEvent: RunState._return,
    UnbundleEvent: RunState._unbundle,
    DoneEvent: RunState._done,
    FailureEvent: RunState._failure,
    DeviceEvent: RunState._device,
    WarningEvent: _told("warned"),
}
"""Handlers of the events that change the state of a run."""
