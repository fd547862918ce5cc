"""The protocol between screens and runs of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

from tui_balancer.failures import FailureCause
from tui_balancer.formatting import clock_time, count
from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import DeviceState, Unit
from tui_balancer.scheduler.read_api import CoordinatorSnapshot, Places


class Phase(str, Enum):
    """Phase of the run; the value is its name on the screen."""

    PREPARING = "preparing"
    SCANNING = "scanning"
    LOADING = "loading models"
    RUNNING = "running"
    DRAINING = "finishing running files"
    STOPPING = "stopping"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Step:
    """A preparation step and its progress.

    Attributes:
        what: Description: `finding the inputs`.
        done: Units done.
        total: Units in all; 0 while unknown.
        unit: Name of the unit: `files`, `MB`.
    """

    what: str
    done: int = 0
    total: int = 0
    unit: str = ""

    @property
    def amount(self) -> str:
        """The progress: `12 of 30 MB`; empty if nothing is counted."""
        of = f" of {count(self.total)}" if self.total else ""
        return f"{count(self.done)}{of} {self.unit}" if self.unit else ""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """Progress of the scan, or of the check of a resumed run.

    Attributes:
        files_found: Number of files, known before the first is read.
        files_scanned: Files read, or checked against the ledger.
        sequences: Sequences in them.
        residues: Residues in them.
    """

    files_found: int = 0
    files_scanned: int = 0
    sequences: int = 0
    residues: int = 0

    def with_file(self, sequences: int, residues: int) -> ScanProgress:
        """Return the progress after one more file."""
        return ScanProgress(
            self.files_found,
            self.files_scanned + 1,
            self.sequences + sequences,
            self.residues + residues,
        )


_WITHOUT_WORKER: Final = {DeviceState.DRAINED, DeviceState.DEAD, DeviceState.STOPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot(CoordinatorSnapshot):
    """An immutable snapshot of the whole run.

    Attributes:
        phase: Phase of the run.
        model_label: Name of the model, with `untrained` if the weights are random.
        untrained: Whether the weights are random.
        output: The run folder, as the user wrote it.
        started_at: Unix time in seconds at which the run started; event times count from here.
        elapsed_seconds: Since then.
        stealing: False under `--no-stealing`.
        warnings: Lines for the user, oldest first (unknown card, duplicate ids, …).
        stop_reason: Why the run ended before its last file; empty otherwise.
        trouble: Why the run is held until it is resumed (a full disk); empty otherwise.
        step: The preparation step; None once the run has started.
        splitting: Whether idle devices take over batches of running files.
    """

    phase: Phase
    model_label: str
    untrained: bool
    output: str
    started_at: float
    elapsed_seconds: float
    scan: ScanProgress
    stealing: bool
    warnings: tuple[str, ...] = ()
    stop_reason: str = ""
    trouble: str = ""
    step: Step | None = None
    splitting: bool = True

    @property
    def taken_at(self) -> float:
        """Its own moment, a Unix time in seconds."""
        return self.started_at + self.elapsed_seconds

    def time_at(self, seconds: float) -> str:
        """Return the local time at so many seconds after the start, see `clock_time`."""
        return clock_time(self.started_at + seconds, self.taken_at)

    @property
    def no_device(self) -> bool:
        """Whether the run waits until a drained device is started."""
        states = {one.state for one in self.devices}
        ended = self.phase is Phase.FINISHED
        return not ended and DeviceState.DRAINED in states and states <= _WITHOUT_WORKER


@dataclass(frozen=True, slots=True)
class FailedFile:
    """An input without an output, and the reason; `by_hand` if a person skipped it."""

    name: str
    reason: str
    by_hand: bool = False
    cause: FailureCause = FailureCause.UNEXPECTED


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """What one device did in the run."""

    device: str
    name: str
    files: int
    sequences: int
    residues: int
    busy_seconds: float
    load_seconds: float | None
    stolen_to: int
    stolen_from: int
    restarts: int
    idle_seconds: float | None = None
    weight: float | None = None

    def busy_share(self, elapsed_seconds: float) -> float | None:
        """Return its busy share of such a time; None if it had files but no busy time is known.

        They were done before this session, or sooner than a worker's first report.
        """
        if elapsed_seconds <= 0 or (self.files and not self.busy_seconds):
            return None
        return self.busy_seconds / elapsed_seconds


@dataclass(frozen=True, slots=True)
class EarlierWork:
    """What was finished before this session."""

    files: int = 0
    sequences: int = 0
    residues: int = 0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The summary of a run: counts of the whole run, times of this session.

    Attributes:
        done: Files with an output.
        failed: Files without one, with reasons.
        waiting: Files left for another session.
        sequences: Vectors written.
        residues: Residues embedded.
        truncated: Sequences cut at the maximum length.
        replaced: Residues that were read as unknown.
        skipped: Sequences left out, empty ones and those too long for `--long skip`.
        missing: Sequences left out of finished outputs because they did not fit into memory.
        elapsed_seconds: Seconds from the start to the end.
        steals: Steals, each of a file or a bundle.
        splits: How often a device joined a running file of another.
        prediction_errors: Relative errors of the predicted times of files, median and 95th
            percentile; None if there were too few.
        moves: Files moved by hand.
        devices: Results of each device.
        warnings: Lines for the user.
        model_label: The model.
        output: The run folder.
        interrupted: Whether a person or a signal ended it.
        stop_reason: Why it ended early; empty otherwise.
        earlier: The part of all this from earlier sessions.
        efficiency: Fluid bound over the time from the first lease to the last finished file, at
            the devices' measured speeds; None if nothing was done.
        first_batch_seconds: Seconds from the command to the first lease; None without one.
        copies: Sequences with the same residues as an earlier one, computed once with it.
        from_store: Sequences whose vectors an earlier run had stored.
        skips: Files that a person skipped.
        damaged: Whether finished outputs are missing; `stop_reason` says which.
    """

    done: int
    failed: tuple[FailedFile, ...]
    waiting: int
    sequences: int
    residues: int
    truncated: int
    replaced: int
    skipped: int
    elapsed_seconds: float
    steals: int
    moves: int
    devices: tuple[DeviceSummary, ...]
    model_label: str
    output: str
    warnings: tuple[str, ...] = field(default=())
    interrupted: bool = False
    stop_reason: str = ""
    earlier: EarlierWork = EarlierWork()
    missing: int = 0
    efficiency: float | None = None
    splits: int = 0
    prediction_errors: tuple[float, float] | None = None
    first_batch_seconds: float | None = None
    copies: int = 0
    from_store: int = 0
    skips: tuple[FailedFile, ...] = ()
    damaged: bool = False

    @property
    def files_stolen(self) -> int:
        """Number of stolen files; a steal may take a bundle of several."""
        return sum(device.stolen_to for device in self.devices)

    @property
    def sequences_now(self) -> int:
        """Vectors written in this session."""
        return self.sequences - self.earlier.sequences

    @property
    def residues_now(self) -> int:
        """Residues embedded in this session."""
        return self.residues - self.earlier.residues


class RunHandle(Protocol):
    """A run for a screen. Every method returns at once and is thread-safe."""

    def snapshot(self) -> RunSnapshot:
        """Return the current snapshot."""

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """Return the kept events with a higher number, oldest first."""

    def units(self) -> Sequence[Unit]:
        """Return every file as a unit at its number; none before they are known.

        Files that are added come to the end.
        """

    def places(self, known: int) -> Places | None:
        """Return where every unit is, or None if there is no event after number `known`."""

    def log_folder(self) -> Path:
        """Return the folder of the log files of the run and its workers, on this machine."""

    def execute(self, command: Command) -> Outcome:
        """Execute a command, or refuse it with a reason."""

    def summary(self) -> RunSummary | None:
        """Return the summary of the run, or None before its end."""
