"""The events that explanations need: the newest of each kind for each unit and device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_balancer.scheduler.events import (
    AssignmentEvent,
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    RetryEvent,
    ReturnEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    UnbundleEvent,
)
from tui_balancer.scheduler.model import Unit
from tui_balancer.view.run_state import Release, RunState, RunView

Arrival = StealEvent | MoveEvent | RetryEvent | ReturnEvent | UnbundleEvent
"""An event that brought a unit into its current or last queue."""

_FILE: Final = np.dtype([("device", "i2"), ("end", "f4"), ("took", "f4")])
_NONE: Final = -1
_UNKNOWN: Final = np.array((_NONE, np.nan, np.nan), _FILE)
_ALONE: Final = np.array(_NONE, np.int32)
"""The bundle of a file that is in none."""


class Finish(NamedTuple):
    """The end of a file that has its output.

    Attributes:
        device: The device that finished it.
        seconds: Time of the end, in seconds since the run started.
        took: Seconds its batches were in flight; None if not measured for this file alone.
    """

    device: str
    seconds: float
    took: float | None


class Freed(NamedTuple):
    """When a device's newest lease ended, in seconds since the run started, and its unit."""

    seconds: float
    unit_name: str


class WhyRecord(RunView):
    """Folds events into the record for `Facts`: 10 bytes per file, plus notable events.

    In a run with bundles it is 14.

    Attributes:
        complete: Whether every event was seen; otherwise the history of some files is unknown.
        last_event: Number of the newest event.
        arrivals: Event that brought a unit to its queue, by number; none for the assignment.
        ends: Why a file has no output, by its number.
        splits: The last split of a unit, by number.
        attempts: Number of attempts of a unit, if more than one.
        freed: End of each device's newest lease.
        changes: The newest consecutive events of each device with the same state.
    """

    def __init__(self) -> None:
        self.complete = True
        self.arrivals: dict[int, Arrival] = {}
        self.ends: dict[int, FailureEvent | SkipEvent] = {}
        self.splits: dict[int, SplitEvent] = {}
        self.attempts: dict[int, int] = {}
        self.freed: dict[str, Freed] = {}
        self.changes: dict[str, list[DeviceEvent]] = {}
        self._fold = RunState(self)
        self._files = np.empty(0, _FILE)
        self._bundles = np.empty(0, np.int32)
        self._devices: dict[str, int] = {}

    @property
    def last_event(self) -> int:
        """See the class."""
        return self._fold.last_event

    def note(self, events: Iterable[Event]) -> None:
        """Add the next events."""
        for event in events:
            self.complete &= event.sequence == self.last_event + 1
            self._fold.apply(event)

    def unit_of(self, number: int) -> int:
        """Return the number of a file's unit: its bundle or itself."""
        bundle = int(self._bundles[number]) if number < len(self._bundles) else _NONE
        return number if bundle == _NONE else bundle

    def bundled(self, number: int) -> int:
        """Return the number of files in a file's unit."""
        return max(1, int(np.count_nonzero(self._bundles == self.unit_of(number))))

    def leases(self, unit_id: int) -> tuple[LeaseEvent, ...]:
        """Return the leases of a unit that have not ended, the newest last."""
        return tuple(self._fold.leases.get(unit_id, {}).values())

    def finish(self, number: int) -> Finish | None:
        """Return how a file was finished; None if unknown."""
        if number >= len(self._files) or self._files["device"][number] == _NONE:
            return None
        file = self._files[number]
        took = None if np.isnan(file["took"]) else float(file["took"])
        return Finish([*self._devices][file["device"]], float(file["end"]), took)

    def last_finished(self) -> int | None:
        """Return the number of the file that was finished last; None before the first."""
        ends = self._files["end"]
        return None if np.isnan(ends).all() else int(np.nanargmax(ends))

    def expect(self, files: Sequence[Unit]) -> None:
        """See `RunView`."""
        self._make_room(len(files) - 1)

    def assigned(self, event: AssignmentEvent) -> None:
        """See `RunView`."""
        numbers = np.frombuffer(b"".join(order for _, order in event.queues), np.int32)
        if not len(numbers):
            return
        files, begins = np.maximum(numbers, ~numbers), numbers >= 0
        last = int(files.max())
        self._make_room(last)
        if len(self._bundles) or not begins.all():
            unit = np.cumsum(begins) - 1
            shared = np.bincount(unit)[unit] > 1
            self._bundles = _grown(self._bundles, last, _ALONE)
            self._bundles[files] = np.where(shared, files[begins][unit], _NONE)

    def stolen(self, event: StealEvent) -> None:
        """See `RunView`."""
        self.arrivals[event.unit_id] = event

    def moved(self, event: MoveEvent, units: Sequence[int]) -> None:
        """See `RunView`."""
        self.arrivals |= dict.fromkeys(units, event)

    def split(self, event: SplitEvent) -> None:
        """See `RunView`."""
        self.splits[event.unit_id] = event

    def released(self, lease: LeaseEvent, end: Release) -> None:
        """See `RunView`."""
        self.freed[lease.device] = Freed(end.seconds, lease.unit_name)

    def returned(self, event: ReturnEvent) -> None:
        """See `RunView`."""
        self.arrivals[event.unit_id] = event
        if event.cause.worker_lost:
            self._begun_again(event.unit_id)

    def unbundled(self, event: UnbundleEvent) -> None:
        """See `RunView`."""
        self._begun_again(event.unit_id)
        self._bundle(event.files, _NONE)
        for number in event.files:
            self.arrivals[number] = event
            self.attempts[number] = self.attempts[event.unit_id]

    def done(self, event: DoneEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        self._make_room(max(files))
        device = self._devices.setdefault(event.device, len(self._devices))
        # The time of one file of a bundle is not measured.
        took = np.nan if event.files else event.compute_seconds
        for number in files:
            file = self._files[number]
            file["device"], file["end"], file["took"] = device, event.seconds, took
            self.ends.pop(number, None)

    def failed(self, event: FailureEvent | SkipEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        self.ends |= dict.fromkeys(files, event)

    def reopened(self, event: RetryEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        unit_id = files[0]
        self.arrivals[unit_id] = event
        if not isinstance(self.ends.get(unit_id), SkipEvent):
            self._begun_again(unit_id)
        self._bundle(files, unit_id if len(files) > 1 else _NONE)
        for number in files:
            self.ends.pop(number, None)

    def device_changed(self, event: DeviceEvent) -> None:
        """See `RunView`."""
        before = self.changes.get(event.device, [])
        same = bool(before) and before[-1].state is event.state
        self.changes[event.device] = [*before, event] if same else [event]

    def _begun_again(self, unit_id: int) -> None:
        self.attempts[unit_id] = self.attempts.get(unit_id, 1) + 1

    def _bundle(self, files: Sequence[int], unit_id: int) -> None:
        if len(self._bundles) or unit_id != _NONE:
            self._bundles = _grown(self._bundles, max(files), _ALONE)
            self._bundles[list(files)] = unit_id

    def _make_room(self, number: int) -> None:
        self._files = _grown(self._files, number, _UNKNOWN)


def _grown(column: NDArray[Any], number: int, unknown: NDArray[Any]) -> NDArray[Any]:
    """Return a column with room for a file of this number."""
    missing = number + 1 - len(column)
    if missing <= 0:
        return column
    # Grow by half, so that a million files are not copied a million times.
    return np.append(column, np.full(missing + len(column) // 2, unknown))
