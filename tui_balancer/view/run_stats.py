"""Counts over all events of a run, for the summary."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from statistics import median, quantiles

from tui_balancer.failures import FailureCause
from tui_balancer.ledger.records import DeviceUsed
from tui_balancer.notices import Notice
from tui_balancer.scheduler.events import (
    AddedEvent,
    DeviceEvent,
    DoneEvent,
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
from tui_balancer.scheduler.model import DeviceState, Unit
from tui_balancer.scheduler.policy.bounds import fluid_efficiency
from tui_balancer.scheduler.state.absence import Absence
from tui_balancer.view.handle import DeviceSummary, FailedFile
from tui_balancer.view.run_state import RunView, Work


@dataclass(slots=True)
class DeviceTally(Work):
    """Statistics of a device; a split file counts where it ended, its work where it was done.

    Attributes:
        compute_seconds: Seconds with batches in flight.
        stolen_to: Files that it received by stealing.
        stolen_from: Files stolen from it.
        starts: Workers started for it, without those that follow a drain.
        absence: How long it was drained.
    """

    compute_seconds: float = 0.0
    stolen_to: int = 0
    stolen_from: int = 0
    starts: int = 0
    absence: Absence = field(default_factory=Absence)


class RunStats(RunView):
    """Statistics of a run: counts, not events, so that a million files fit.

    Attributes:
        steals: Files stolen.
        splits: How often a device joined a running file of another.
        moves: Files moved by hand.
        warnings: Oldest first.
        devices: Statistics of each device.
        first_lease: Time of the first lease; None before.
    """

    def __init__(self) -> None:
        self.steals = 0
        self.splits = 0
        self.moves = 0
        self.warnings: list[Notice] = []
        self.devices: defaultdict[str, DeviceTally] = defaultdict(DeviceTally)
        self.first_lease: float | None = None
        self._failures: dict[int, FailureEvent | SkipEvent] = {}
        self._files: Sequence[Unit] = ()
        self._errors = array("f")
        self._last_done = 0.0
        self._idle_seconds = 0.0
        self._idle_before_next = 0.0

    def copy(self) -> RunStats:
        """Return an independent copy."""
        twin = copy(self)
        twin.warnings, twin._errors = self.warnings[:], self._errors[:]
        twin._failures = dict(self._failures)
        twin.devices = defaultdict(
            DeviceTally,
            {
                device: replace(tally, absence=replace(tally.absence))
                for device, tally in self.devices.items()
            },
        )
        return twin

    def expect(self, files: Sequence[Unit]) -> None:
        """See `RunView`."""
        self._files = files

    def stolen(self, event: StealEvent) -> None:
        """See `RunView`."""
        self.steals += 1
        self.devices[event.target].stolen_to += event.file_count
        self.devices[event.source].stolen_from += event.file_count

    def split(self, _event: SplitEvent) -> None:
        """See `RunView`."""
        self.splits += 1

    def moved(self, _event: MoveEvent, units: Sequence[int]) -> None:
        """See `RunView`."""
        self.moves += len(units)

    def added(self, event: AddedEvent) -> None:
        """See `RunView`."""
        self._idle_before_next += event.idle_seconds

    def leased(self, event: LeaseEvent) -> None:
        """See `RunView`."""
        if self.first_lease is None:
            self.first_lease = event.seconds

    def worked(self, event: DoneEvent | PartEvent, work: Work) -> None:
        """See `RunView`."""
        tally = self.devices[event.device]
        tally.add(work)
        tally.compute_seconds += event.compute_seconds

    def done(self, event: DoneEvent, _files: Sequence[int]) -> None:
        """See `RunView`."""
        self._last_done = event.seconds
        self._idle_seconds += self._idle_before_next
        self._idle_before_next = 0.0
        if event.predicted_seconds is not None and event.compute_seconds > 0:
            self._errors.append(abs(event.predicted_seconds / event.compute_seconds - 1))

    def failed(self, event: FailureEvent | SkipEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        self._failures |= dict.fromkeys(files, event)

    def reopened(self, _event: RetryEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        for number in files:
            self._failures.pop(number, None)

    def device_changed(self, event: DeviceEvent) -> None:
        """See `RunView`."""
        device = self.devices[event.device]
        if event.state is DeviceState.DRAINED:
            # One that joins the run late has been away so far.
            device.absence.begin(event.seconds if device.starts else 0.0)
            device.starts = max(0, device.starts - 1)
        else:
            device.absence.end(event.seconds)
            device.starts += event.state is DeviceState.STARTING

    def warned(self, event: WarningEvent) -> None:
        """See `RunView`."""
        self.warnings.append(event.notice)

    @property
    def failures(self) -> tuple[FailedFile, ...]:
        """The failed files that were not retried, in order of failure."""
        return self._without_output(by_hand=False)

    @property
    def skips(self) -> tuple[FailedFile, ...]:
        """The files that a person has skipped, in order."""
        return self._without_output(by_hand=True)

    def idle_seconds(self, device: str) -> float | None:
        """Return how long a device was there without batches of finished files in flight.

        From the first lease to the last finished file; None if nothing was finished.
        """
        if not self._working_seconds:
            return None
        there = self._working_seconds - self._away(self.devices[device])
        return max(0.0, there - self.devices[device].compute_seconds)

    def device_summary(self, device: str, used: DeviceUsed | None) -> DeviceSummary:
        """Return a device's results; `used` is its row of the ledger, if any."""
        done = self.devices[device]
        return DeviceSummary(
            device=device,
            name=used.name if used is not None else "",
            files=done.files,
            sequences=done.sequences,
            residues=done.residues,
            busy_seconds=used.busy_seconds if used is not None else 0.0,
            load_seconds=used.load_seconds if used is not None else None,
            stolen_to=done.stolen_to,
            stolen_from=done.stolen_from,
            restarts=used.restarts if used is not None else 0,
            idle_seconds=self.idle_seconds(device),
            weight=used.weight if used is not None else None,
        )

    def prediction_errors(self) -> tuple[float, float] | None:
        """Return the relative errors of the predicted times of files.

        Median and 95th percentile over the files that one device computed from start to end; None
        with fewer than two of them.
        """
        if len(self._errors) < 2:
            return None
        return median(self._errors), quantiles(self._errors, n=20, method="inclusive")[-1]

    def efficiency(self) -> float | None:
        """Return the bound over the time taken; None if nothing was finished.

        Model loading before the first lease and the time of drained devices are not counted.
        """
        work = [(one.cost, one.compute_seconds) for one in self.devices.values()]
        away = [self._away(one) for one in self.devices.values()]
        return fluid_efficiency(work, self._working_seconds, away)

    def _without_output(self, *, by_hand: bool) -> tuple[FailedFile, ...]:
        # A shard fails its file, and has nothing to answer for itself.
        return tuple(
            self._failed_file(number, event)
            for number, event in self._failures.items()
            if event.by_hand is by_hand
            and (number >= len(self._files) or self._files[number].whole is None)
        )

    def _failed_file(self, number: int, event: FailureEvent | SkipEvent) -> FailedFile:
        if isinstance(event, FailureEvent):
            return FailedFile(event.unit_name, event.reason, event.by_hand, event.cause)
        name = self._files[number].name if event.units else event.unit_name
        return FailedFile(name, event.reason, event.by_hand, FailureCause.NONE)

    def _away(self, device: DeviceTally) -> float:
        """Return how long a device was drained while files were worked on."""
        return device.absence.within(self.first_lease or 0.0, self._last_done)

    @property
    def _working_seconds(self) -> float:
        """Seconds from the first lease to the last finished file in which there was work."""
        if self.first_lease is None:
            return 0.0
        return max(0.0, self._last_done - self.first_lease - self._idle_seconds)
