"""The place of every file: position in a queue, running, or ended."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tui_balancer.scheduler.events import (
    AddedEvent,
    AssignmentEvent,
    DoneEvent,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    RetryEvent,
    ReturnEvent,
    SkipEvent,
    StealEvent,
    UnbundleEvent,
)
from tui_balancer.scheduler.model import Ended, Totals, Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.scheduler.state.unit_store import NOBODY
from tui_balancer.view.run_state import RunView

_WAITS: Final = -1
_RUNS: Final = -2
_DONE: Final = _RUNS - Ended.DONE


def amounts(files: Sequence[Unit], name: str) -> NDArray[Any]:
    """Return an amount of every file: its `sequences`, `residues`, `cost` or `inputs`."""
    kind = np.float64 if name == "cost" else np.int64
    return np.fromiter(map(attrgetter(name), files), kind, len(files))


class FilePlaces(RunView):
    """Six bytes per file: its place, and its rank among waiting files.

    A place is the number of the device for which a file waits, -1 for none, or -2 minus its
    `Ended`; one that has not ended runs. In a queue, the file with the smallest rank is next.
    Shards have their own places; their file waits for no device until it is joined.

    Args:
        known: Number of files that the run has at its start; None for all.
    """

    def __init__(self, known: int | None = None) -> None:
        self._known = known
        self._files: Sequence[Unit] = ()
        self._place = array("h")
        self._rank = array("i")
        self._first = self._last = 0
        self._devices: dict[str, int] = {}
        self._bundles: dict[int, Sequence[int]] = {}
        self._columns: dict[str, NDArray[Any]] = {}

    def expect(self, files: Sequence[Unit]) -> None:
        """See `RunView`."""
        self._files = files
        self._make_room(len(files) if self._known is None else self._known)

    def copy(self) -> FilePlaces:
        """Return an independent copy."""
        twin = FilePlaces()
        twin._files, twin._columns = self._files, self._columns
        twin._place, twin._rank = self._place[:], self._rank[:]
        twin._first, twin._last = self._first, self._last
        twin._devices, twin._bundles = dict(self._devices), dict(self._bundles)
        return twin

    @property
    def files(self) -> int:
        """Number of files and shards that the run has."""
        return len(self._place)

    def added(self, event: AddedEvent) -> None:
        """See `RunView`."""
        self._make_room(event.first + event.count)

    def assigned(self, event: AssignmentEvent) -> None:
        """See `RunView`; a process that died may have recorded files that it did not add."""
        for device, order in event.queues:
            numbers = np.frombuffer(order, np.int32)
            if len(numbers):
                self._make_room(int(np.maximum(numbers, ~numbers).max()) + 1)
            begins = np.flatnonzero(numbers >= 0)
            files = np.maximum(numbers, ~numbers)
            if self._bundles or len(begins) < len(files):
                for unit in np.split(files, begins)[1:]:
                    self._bundle(int(unit[0]), unit.tolist())
            np.frombuffer(self._place, np.int16)[files] = self._number(device)
            np.frombuffer(self._rank, np.int32)[files] = np.arange(
                self._last, self._last + len(files)
            )
            self._last += len(files)

    def stolen(self, event: StealEvent) -> None:
        """See `RunView`."""
        self._put(event.unit_id, event.target, first=event.first)

    def moved(self, event: MoveEvent, units: Sequence[int]) -> None:
        """See `RunView`."""
        for unit_id in reversed(units) if event.first else units:
            self._put(unit_id, event.target, first=event.first)

    def leased(self, event: LeaseEvent) -> None:
        """See `RunView`."""
        self._set(_RUNS, self._members(event.unit_id))

    def returned(self, event: ReturnEvent) -> None:
        """See `RunView`; nobody needs a shard any more whose file has failed."""
        if event.queue:
            self._put(event.unit_id, event.queue, first=True)
            return
        whole = self._files[event.unit_id].whole
        place = _WAITS if whole is None else min(_WAITS, self._place[whole])
        self._set(place, self._members(event.unit_id))

    def unbundled(self, event: UnbundleEvent) -> None:
        """See `RunView`."""
        self._bundles.pop(event.unit_id, None)
        for number in reversed(event.files):
            self._put(number, event.queue, first=True)

    def done(self, event: DoneEvent, files: Sequence[int]) -> None:
        """See `RunView`; who was the last one on the shards of a file puts it together."""
        self._set(_DONE, files)
        self._bundles.pop(event.unit_id, None)
        whole = self._files[files[0]].whole
        if whole is not None and self._place[whole] == _WAITS and self._all_done(whole):
            self._put(whole, event.device, first=True)

    def failed(self, event: FailureEvent | SkipEvent, files: Sequence[int]) -> None:
        """See `RunView`; shards of these files are left that nobody has."""
        ended = _RUNS - (Ended.SKIPPED if event.by_hand else Ended.FAILED)
        self._make_room(max(files) + 1)
        for number in files:
            self._set(ended, filter(self._waits, self._files[number].shards))
            # A worker's bundle has failed except for files that the next events report done.
            runs = self._place[number] == _RUNS
            self._set(ended, self._members(number) if runs else (number,))

    def reopened(self, event: RetryEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        unit_id = files[0]
        shards = self._files[unit_id].shards
        if not shards or self._all_done(unit_id):
            self._bundle(unit_id, files)
            self._put(unit_id, event.device, first=event.first)
            return
        self._set(_WAITS, files)
        for shard in shards:
            if self._waits(shard) or self._place[shard] < _DONE:
                self._put(shard, event.device)

    def places(self, last_event: int) -> Places:
        """Return the places after this number of events."""
        place = np.frombuffer(self._place, np.int16)
        waiting = self._queue(np.flatnonzero(place >= 0))
        queues = {
            device: array("i", waiting[place[waiting] == number].astype(np.int32).tobytes())
            for device, number in self._devices.items()
        }
        at_work = self._at_work(place)
        idle = [one for one in np.flatnonzero(place == _WAITS).tolist() if one not in at_work]
        if idle:
            queues[NOBODY] = array("i", idle)
        return Places(last_event, queues, np.maximum(0, _RUNS - place).astype(np.uint8).tobytes())

    def queued(self) -> dict[str, tuple[int, float]]:
        """Return the number of files and the FLOPs that wait for each device."""
        place = np.frombuffer(self._place, np.int16)
        waits = np.flatnonzero(place >= 0)
        files = np.bincount(place[waits], minlength=len(self._devices))
        cost = np.bincount(place[waits], self._column("cost")[waits], len(self._devices))
        return {name: (int(files[at]), float(cost[at])) for name, at in self._devices.items()}

    def next_files(self, ahead: int) -> dict[str, list[Unit]]:
        """Return the first files that wait for each device, next first."""
        place, rank = np.frombuffer(self._place, np.int16), np.frombuffer(self._rank, np.int32)
        waits = np.flatnonzero(place >= 0)
        fronts: dict[str, list[Unit]] = {}
        for device, at in self._devices.items():
            here = waits[place[waits] == at]
            if len(here) > ahead:
                here = here[np.argpartition(rank[here], ahead)[:ahead]]
            fronts[device] = [self._files[number] for number in self._queue(here).tolist()]
        return fronts

    def members(self, unit_id: int) -> list[Unit]:
        """Return the files of a unit."""
        return [self._files[number] for number in self._members(unit_id)]

    def totals(self) -> Totals:
        """Return the counts over the whole run."""
        place, inputs = np.frombuffer(self._place, np.int16), self._column("inputs")
        ends = {ended: int(inputs[place == _RUNS - ended].sum()) for ended in Ended if ended}
        running = sum(bool(place[number] >= _RUNS) for number in self._at_work(place))
        whole = {name: self._column(name) for name in ("sequences", "residues", "cost")}
        done = {name: column[place == _DONE].sum().item() for name, column in whole.items()}
        files = int(inputs.sum())
        return Totals(
            files,
            ends[Ended.DONE],
            ends[Ended.FAILED],
            ends[Ended.SKIPPED],
            running,
            files - running - sum(ends.values()),
            whole["sequences"].sum().item(),
            done["sequences"],
            whole["residues"].sum().item(),
            done["residues"],
            whole["cost"].sum().item(),
            done["cost"],
        )

    def _at_work(self, place: NDArray[np.int16]) -> set[int]:
        """Return the running files; for a shard, its file."""
        running = [self._files[number] for number in np.flatnonzero(place == _RUNS).tolist()]
        return {unit.unit_id if unit.whole is None else unit.whole for unit in running}

    def _queue(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        return numbers[np.argsort(np.frombuffer(self._rank, np.int32)[numbers], kind="stable")]

    def _column(self, name: str) -> NDArray[Any]:
        """Return a constant amount of every file."""
        if len(self._columns.get(name, ())) < len(self._place):
            self._columns[name] = amounts(self._files, name)
        return self._columns[name][: len(self._place)]

    def _make_room(self, files: int) -> None:
        missing = files - len(self._place)
        if missing > 0:
            self._place.extend([_WAITS] * missing)
            self._rank.extend([0] * missing)

    def _members(self, unit_id: int) -> Sequence[int]:
        return self._bundles.get(unit_id) or (unit_id,)

    def _bundle(self, unit_id: int, files: Sequence[int]) -> None:
        if len(files) > 1:
            self._bundles[unit_id] = files
        else:
            self._bundles.pop(unit_id, None)

    def _number(self, device: str) -> int:
        return self._devices.setdefault(device, len(self._devices))

    def _waits(self, number: int) -> bool:
        return self._place[number] >= _WAITS

    def _all_done(self, file: int) -> bool:
        return all(self._place[shard] == _DONE for shard in self._files[file].shards)

    def _set(self, place: int, files: Iterable[int]) -> None:
        for number in files:
            self._place[number] = place

    def _put(self, unit_id: int, device: str, *, first: bool = False) -> None:
        """Put a unit at the front or the end of a device's queue."""
        members = self._members(unit_id)
        place = self._number(device) if device else _WAITS
        if first:
            self._first -= len(members)
            rank = self._first
        else:
            rank = self._last
            self._last += len(members)
        for number in members:
            self._place[number], self._rank[number] = place, rank
            rank += 1
