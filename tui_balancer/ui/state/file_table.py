"""All files of a run in numeric columns, so that a million of them sort in a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tui_balancer.scheduler.events import DoneEvent, Event, FailureEvent, RetryEvent, SkipEvent
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Ended, Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import RunHandle, RunSnapshot
from tui_balancer.view.places import amounts
from tui_balancer.view.run_state import RunState, RunView

NOBODY: Final = -1
"""The device number of a file without a device."""


class FileState(IntEnum):
    """State of a file, in the order of the screen."""

    RUNNING = 0
    WAITING = 1
    FAILED = 2
    SKIPPED = 3
    DONE = 4

    @property
    def word(self) -> str:
        """The state's name on the screen and in filters."""
        return self.name.lower()


QUEUED: Final = (FileState.RUNNING, FileState.WAITING)
"""States of a device's files: running and waiting in its queue."""

WITHOUT_OUTPUT: Final = (FileState.FAILED, FileState.SKIPPED)
"""States of files that can be retried."""

_ENDED: Final = {
    Ended.DONE: FileState.DONE,
    Ended.FAILED: FileState.FAILED,
    Ended.SKIPPED: FileState.SKIPPED,
}


class Amounts:
    """Amounts of files, a column each that is made when it is first needed."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        self._columns: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the `sequences`, `residues` or `cost` of every file."""
        if name not in self._columns:
            self._columns[name] = amounts(self._units, name)
        return self._columns[name]

    def of(self, units: Sequence[Unit]) -> Amounts:
        """Return those of more files, or fewer, of the same run."""
        known, others = len(self._units), Amounts(units)
        for name, column in self._columns.items():
            more = amounts(units[known:], name)
            others._columns[name] = np.append(column[: len(units)], more)
        return others


@dataclass(frozen=True, eq=False)
class FileTable:
    """All files at one moment; every array has one element per file, by its number.

    Attributes:
        units: The files.
        amounts: Sequences, residues and FLOPs of each file, see `Amounts`.
        devices: Device ids, indexed by the numbers in `device`.
        state: `FileState` of each file.
        device: Where it waits, runs or ended; `NOBODY` if unknown.
        position: Position in the queue, from 0; 0 if it does not wait.
        ends: Seconds from now to its estimated end, NaN without an estimate.
        took: Seconds its batches were in flight, NaN if it is not done or unknown.
        reasons: Why files failed or were skipped, by file number.
    """

    units: Sequence[Unit]
    amounts: Amounts
    devices: tuple[str, ...]
    state: NDArray[np.uint8]
    device: NDArray[np.int16]
    position: NDArray[np.int32]
    ends: NDArray[np.float32]
    took: NDArray[np.float32]
    reasons: dict[int, str]

    def __len__(self) -> int:
        return len(self.units)

    def count(self, state: FileState) -> int:
        """Return the number of files in a state."""
        return int(np.count_nonzero(self.state == state))


class FileWatch(RunView):
    """Makes the tables of a run, and keeps each file's facts from its events.

    Used only on the thread that reads the run; other threads may read the tables.
    """

    def __init__(self) -> None:
        self._fold = RunState(self)
        self._units: Sequence[Unit] = ()
        self._amounts = Amounts(())
        self._took: NDArray[np.float32] = np.empty(0, np.float32)
        self._ended_on: NDArray[np.int16] = np.empty(0, np.int16)
        self._devices: dict[str, int] = {}
        self._reasons: dict[int, str] = {}
        self._places: Places | None = None
        self._seen: tuple[DeviceMetrics, ...] = ()
        self._made: FileTable | None = None

    def note(self, events: Iterable[Event]) -> None:
        """Store the device and the time of a done file, and why one failed."""
        self._fold.apply_all(events)

    def done(self, event: DoneEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        for number in files:
            self._make_room(number)
            # The time of one file of a bundle is not measured.
            self._took[number] = np.nan if event.files else event.compute_seconds
            self._ended_on[number] = self._number(event.device)

    def failed(self, event: FailureEvent | SkipEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        self._reasons |= dict.fromkeys(files, event.reason)
        device = self._number(event.device) if event.device else NOBODY
        for number in files:
            self._make_room(number)
            self._ended_on[number] = device

    def reopened(self, _event: RetryEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        for number in files:
            self._reasons.pop(number, None)
            self._ended_on[number] = NOBODY

    def read(self, run: RunHandle, snapshot: RunSnapshot) -> FileTable | None:
        """Return the current table; None before the files are known."""
        known = self._places.last_event if self._places is not None else -1
        # The places first: files are among the units before they have a place.
        news = run.places(known)
        more = self._learn(run.units())
        if self._made is None and not self._units:
            return None
        if news is not None or more or snapshot.devices != self._seen:
            self._places = news or self._places
            self._seen = snapshot.devices
            self._made = self._table(snapshot) if self._places is not None else None
        return self._made

    def _learn(self, units: Sequence[Unit]) -> bool:
        """Note the sizes of files that were added; a replay that goes back has fewer again."""
        length, known = len(units), len(self._units)
        if length == known:
            return False
        self._units = units[:length]
        self._amounts = self._amounts.of(self._units)
        self._make_room(length - 1)
        return True

    def _make_room(self, unit_id: int) -> None:
        missing = unit_id + 1 - len(self._took)
        if missing > 0:
            missing += len(self._took) // 2
            self._took = np.append(self._took, np.full(missing, np.nan, np.float32))
            self._ended_on = np.append(self._ended_on, np.full(missing, NOBODY, np.int16))

    def _number(self, device: str) -> int:
        return self._devices.setdefault(device, len(self._devices))

    def _table(self, snapshot: RunSnapshot) -> FileTable:
        places = self._places
        assert places is not None
        length, cost = len(self._units), self._amounts["cost"]
        state = np.full(length, FileState.RUNNING, np.uint8)
        device = self._ended_on[:length].copy()
        position = np.zeros(length, np.int32)
        ends = np.full(length, np.nan, np.float32)
        ended = np.frombuffer(places.ended, np.uint8)[:length]
        for end, then in _ENDED.items():
            state[: len(ended)][ended == end] = then
        rates = {one.device: one for one in snapshot.devices}
        for name, numbers in places.queues.items():
            queue = np.frombuffer(numbers, np.int32)
            queue = queue[queue < length]
            state[queue] = FileState.WAITING
            device[queue] = self._number(name) if name else NOBODY
            position[queue] = np.arange(len(queue), dtype=np.int32)
            metrics = rates.get(name)
            if metrics is not None and metrics.rate and metrics.finish_seconds is not None:
                after = np.cumsum(cost[queue])
                total = after[-1] if len(after) else 0.0
                # The queue ends with its last file, and includes the running one.
                ends[queue] = np.maximum(
                    0.0, metrics.finish_seconds - (total - after) / metrics.rate
                )
        for one in snapshot.devices:
            running = one.running
            if running is None:
                continue
            for number in running.unit.numbers:
                if number < length and state[number] == FileState.RUNNING:
                    device[number] = self._number(one.device)
                    if one.rate and one.state is DeviceState.BUSY:
                        ends[number] = (1 - running.fraction) * running.unit.cost / one.rate
        return FileTable(
            self._units,
            self._amounts,
            tuple(self._devices),
            state,
            device,
            position,
            ends,
            self._took[:length],
            dict(self._reasons),
        )
