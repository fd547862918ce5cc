"""The facts behind an explanation: a run at one moment, and its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Ended, Unit, bundle_of
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import Phase, RunHandle, RunSnapshot
from tui_balancer.view.why.record import WhyRecord


class Kind(str, Enum):
    """What is explained."""

    DEVICE = "device"
    FILE = "file"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to the question why.

    Attributes:
        name: Name of the device or the file, or label of the event.
        kind: What is explained.
        state: The state of the device (a `DeviceState`) or of the file (a `FileWord`); for an
            event empty.
        text: One sentence or several.
    """

    name: str
    kind: Kind
    state: str
    text: str


EXPLANATIONS_FORMAT: Final = 1
"""See `Explanations.format`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """Several answers, as `explain --json` prints them.

    Attributes:
        format: Version of this output; increases when a field changes its meaning.
        explanations: The answers.
    """

    format: int = EXPLANATIONS_FORMAT
    explanations: tuple[Explanation, ...]


class FileWord(str, Enum):
    """The state of a file; the value is its name."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


_ENDED = {
    Ended.DONE: FileWord.DONE,
    Ended.FAILED: FileWord.FAILED,
    Ended.SKIPPED: FileWord.SKIPPED,
}

_NEVER = Places(-1, {}, b"")

AT_WORK = (DeviceState.STARTING, DeviceState.IDLE, DeviceState.BUSY)
"""States in which a device takes files."""

ENDING = (Phase.DRAINING, Phase.STOPPING)


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a file.

    Attributes:
        device: Device of the queue of a waiting file; empty otherwise.
        position: Position in the queue, from 0.
    """

    state: FileWord
    device: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """A run at one moment.

    Attributes:
        units: Every file at its number; none before they are known.
        places: Place of each file.
        record: Record of its events.
        told: An event that is already explained and not repeated; None for none.
    """

    snapshot: RunSnapshot
    units: Sequence[Unit]
    places: Places
    record: WhyRecord
    told: Event | None = None

    @property
    def assigned(self) -> bool:
        """Whether the files have been assigned to the devices."""
        return self.snapshot.phase not in (Phase.PREPARING, Phase.SCANNING)

    def device(self, name: str) -> DeviceMetrics | None:
        """Return the metrics of a device."""
        return next((one for one in self.snapshot.devices if one.device == name), None)

    def time(self, seconds: float) -> str:
        """Return the clock time of a moment of the run."""
        return self.snapshot.time_at(seconds)

    def place(self, number: int) -> Place:
        """Return the place of a file."""
        places = self.places
        if number < len(places.ended) and (ended := Ended(places.ended[number])):
            return Place(_ENDED[ended])
        for device, queue in places.queues.items():
            try:
                return Place(FileWord.WAITING, device, queue.index(number))
            except ValueError:
                continue
        return Place(FileWord.RUNNING if self.assigned else FileWord.WAITING)

    def queue(self, device: str) -> list[Unit]:
        """Return the units that wait for a device, next first."""
        files: dict[int, list[Unit]] = {}
        for number in self.places.queues.get(device, ()):
            files.setdefault(self.record.unit_of(number), []).append(self.units[number])
        return list(map(bundle_of, files.values()))

    def failed(self) -> Iterator[int]:
        """Yield the files that failed; of one in shards the file alone."""
        for number, (ended, unit) in enumerate(zip(self.places.ended, self.units, strict=False)):
            if ended == Ended.FAILED and unit.whole is None:
                yield number

    def starts_in(self, place: Place) -> float | None:
        """Return the estimated seconds until a waiting file starts; None if unknown."""
        metrics = self.device(place.device)
        if metrics is None or not metrics.rate or metrics.finish_seconds is None:
            return None
        queue = self.places.queues[place.device]
        # From the nearer end: a queue can have a million files.
        if place.position < len(queue) // 2:
            cost = metrics.queued_cost - self._cost(queue[: place.position])
        else:
            cost = self._cost(queue[place.position :])
        return max(0.0, metrics.finish_seconds - cost / metrics.rate)

    def _cost(self, numbers: Sequence[int]) -> float:
        return sum(self.units[number].cost for number in numbers)

    def ends(self) -> list[DeviceMetrics]:
        """Return the active devices with work left, the last to finish first."""
        left = [
            one
            for one in self.snapshot.devices
            if one.state in AT_WORK
            and one.finish_seconds is not None
            and (one.running or one.queued_files)
        ]
        return sorted(left, key=lambda one: one.finish_seconds or 0.0, reverse=True)

    def last_to_end(self) -> int | None:
        """Return the number of the file that is expected to end last; None if unknown.

        For a finished run: the file that was finished last.
        """
        if self.snapshot.phase is Phase.FINISHED:
            return self.record.last_finished()
        for one in self.ends()[:1]:
            waiting = self.places.queues.get(one.device)
            if waiting:
                return waiting[-1]
            if one.running is not None:
                return one.running.unit.numbers[-1]
        return None


def read_facts(run: RunHandle, record: WhyRecord, places: Places | None = None) -> Facts:
    """Return the current facts of a run.

    Args:
        record: Record of its events so far.
        places: Places of its files from an earlier request, if any.
    """
    snapshot = run.snapshot()
    news = run.places(_NEVER.last_event if places is None else places.last_event)
    # The places first: files are among the units before they have a place.
    return Facts(snapshot, run.units(), news or places or _NEVER, record)
