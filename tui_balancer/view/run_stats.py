"""What the summary needs of all that happened, noted event by event: nothing is forgotten."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from tui_balancer.notices import Notice
from tui_balancer.scheduler.events import (
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    PartEvent,
    RetryEvent,
    SkipEvent,
    SplitEvent,
    StealEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.policy.bounds import fluid_efficiency
from tui_balancer.view.handle import FailedFile


@dataclass(slots=True)
class _Work:
    """Amounts of work; cost in FLOPs."""

    sequences: int = 0
    residues: int = 0
    cost: float = 0.0

    def add(self, other: _Work) -> None:
        self.sequences += other.sequences
        self.residues += other.residues
        self.cost += other.cost


@dataclass(slots=True)
class DeviceTally:
    """What one device did; a divided file is told where it was finished, its work where done.

    Attributes:
        files: Files that it finished.
        sequences: That it embedded.
        residues: Of them.
        cost: Of them, in FLOPs.
        compute_seconds: Time in which its batches were in flight.
    """

    files: int = 0
    sequences: int = 0
    residues: int = 0
    cost: float = 0.0
    compute_seconds: float = 0.0

    def add(self, work: _Work, compute_seconds: float) -> None:
        """Add work that was done."""
        self.sequences += work.sequences
        self.residues += work.residues
        self.cost += work.cost
        self.compute_seconds += compute_seconds


class RunStats:
    """Serves as the coordinator's journal; a run of a million files keeps counts, not events.

    Attributes:
        steals: Files stolen.
        splits: How often a device joined another one in a running file.
        moves: Files moved by hand.
        warnings: Oldest first.
        devices: What each did.
        first_lease: When the first file was in a worker's hands; None before.
    """

    def __init__(self) -> None:
        self.steals = 0
        self.splits = 0
        self.moves = 0
        self.warnings: list[Notice] = []
        self._failures: dict[int, FailedFile] = {}
        self.devices: defaultdict[str, DeviceTally] = defaultdict(DeviceTally)
        self._parts: dict[int, _Work] = {}
        self._files: Sequence[Unit] = ()
        self._errors = array("f")
        self.first_lease: float | None = None
        self._last_done = 0.0

    def expect(self, files: Sequence[Unit]) -> None:
        """Learn the files, by whose numbers the events speak."""
        self._files = files

    def note(self, event: Event) -> None:
        """Count an event; called under the coordinator's lock."""
        if isinstance(event, StealEvent):
            self.steals += 1
        elif isinstance(event, SplitEvent):
            self.splits += 1
        elif isinstance(event, MoveEvent):
            self.moves += 1
        elif isinstance(event, FailureEvent):
            if not self._is_shard(event.unit_id):
                failed = FailedFile(event.unit_name, event.reason, event.by_hand)
                self._failures[event.unit_id] = failed
        elif isinstance(event, SkipEvent):
            for number in event.files or (event.unit_id,):
                name = self._files[number].name
                self._failures[number] = FailedFile(name, event.reason, by_hand=True)
        elif isinstance(event, RetryEvent):
            for number in event.files or (event.unit_id,):
                # A shard fails its file, and has nothing to answer for itself.
                self._failures.pop(number, None)
        elif isinstance(event, WarningEvent):
            self.warnings.append(event.notice)
        elif isinstance(event, LeaseEvent):
            if self.first_lease is None:
                self.first_lease = event.seconds
        elif isinstance(event, DoneEvent):
            self._last_done = event.seconds
            if event.predicted_seconds is not None and event.compute_seconds > 0:
                self._errors.append(abs(event.predicted_seconds / event.compute_seconds - 1))
            output_counts = self.devices[event.device]
            files = [self._files[number] for number in event.files or (event.unit_id,)]
            output_counts.files += sum(file.inputs for file in files)
            by_others = self._parts.pop(event.unit_id, _Work())
            rest = _Work(
                max(0, sum(file.sequences for file in files) - by_others.sequences),
                max(0, sum(file.residues for file in files) - by_others.residues),
                max(0.0, sum(file.cost for file in files) - by_others.cost),
            )
            output_counts.add(rest, event.compute_seconds)
        elif isinstance(event, PartEvent):
            part = _Work(event.sequences, event.residues, event.cost)
            self.devices[event.device].add(part, event.compute_seconds)
            self._parts.setdefault(event.unit_id, _Work()).add(part)

    def _is_shard(self, number: int) -> bool:
        return number < len(self._files) and self._files[number].whole is not None

    @property
    def failures(self) -> tuple[FailedFile, ...]:
        """The files that have failed and were not tried again, in the order they did."""
        return tuple(one for one in self._failures.values() if not one.by_hand)

    @property
    def skips(self) -> tuple[FailedFile, ...]:
        """The files that a person has skipped, likewise."""
        return tuple(one for one in self._failures.values() if one.by_hand)

    def idle_seconds(self, device: str) -> float | None:
        """Return how long a device had no finished file's batches in flight while others had.

        From the first lease to the last finished file; None where nothing was finished.
        """
        if not self._working_seconds:
            return None
        return max(0.0, self._working_seconds - self.devices[device].compute_seconds)

    def prediction_errors(self) -> tuple[float, float] | None:
        """Return how far predicted times of files were off, relative to the real ones.

        Median and 95th percentile over the files that one device computed from its begin to its
        end; None with fewer than two of them.
        """
        if len(self._errors) < 2:
            return None
        return median(self._errors), quantiles(self._errors, n=20, method="inclusive")[-1]

    def efficiency(self) -> float | None:
        """Return how near the run came to its bound; None where nothing was finished.

        Model loading before the first lease is not in it.
        """
        work = [(one.cost, one.compute_seconds) for one in self.devices.values()]
        return fluid_efficiency(work, self._working_seconds)

    @property
    def _working_seconds(self) -> float:
        """From the first lease to the last finished file."""
        return 0.0 if self.first_lease is None else max(0.0, self._last_done - self.first_lease)
