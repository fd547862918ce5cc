"""What a screen may see of a run, and ask of it: one protocol for every kind of run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from tui_balancer.failures import FailureCause
from tui_balancer.formatting import count
from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.read_api import CoordinatorSnapshot, Places


class Phase(str, Enum):
    """Where the run is; the word is what the screen shows."""

    PREPARING = "preparing"
    SCANNING = "scanning"
    LOADING = "loading models"
    RUNNING = "running"
    DRAINING = "finishing running files"
    STOPPING = "stopping"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Step:
    """What is done before a run can begin, and how far that is.

    Attributes:
        what: For people: `finding the inputs`.
        done: Of it.
        total: Of it; 0 while unknown.
        unit: What is counted: `files`, `MB`.
    """

    what: str
    done: int = 0
    total: int = 0
    unit: str = ""

    @property
    def amount(self) -> str:
        """How far it is: `12 of 30 MB`; empty where nothing is counted."""
        of = f" of {count(self.total)}" if self.total else ""
        return f"{count(self.done)}{of} {self.unit}" if self.unit else ""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far the scan is, or the check of a run begun before.

    Attributes:
        files_found: Known before the first file is read.
        files_scanned: Files read, or checked against the ledger.
        sequences: In them.
        residues: In them.
    """

    files_found: int = 0
    files_scanned: int = 0
    sequences: int = 0
    residues: int = 0

    def with_file(self, sequences: int, residues: int) -> ScanProgress:
        """Return the progress with one more file read."""
        return ScanProgress(
            self.files_found,
            self.files_scanned + 1,
            self.sequences + sequences,
            self.residues + residues,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot(CoordinatorSnapshot):
    """An immutable picture of the whole run at one moment.

    Attributes:
        phase: Where the run is.
        model_label: The model as it is named everywhere; says `untrained` when it is.
        untrained: Whether the weights are random.
        output: The run folder, as the person wrote it.
        started_at: Unix time in seconds at which the run began; event times count from here.
        elapsed_seconds: Since then.
        scan: Progress of the scan.
        stealing: False under `--no-stealing`.
        warnings: Lines a person should read, oldest first (unknown card, duplicate ids, …).
        stop_reason: Why the run ended before its last file; empty otherwise.
        trouble: Why the run is held until somebody resumes it (a full disk); empty otherwise.
        step: What is being prepared; None once the run has begun.
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


@dataclass(frozen=True, slots=True)
class FailedFile:
    """An input without an output, and why; `by_hand` if a person skipped it."""

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
        """Return its part of such a time; None where it had files and nobody saw it busy.

        They were done before the run was taken up, or sooner than a worker tells of itself.
        """
        if elapsed_seconds <= 0 or (self.files and not self.busy_seconds):
            return None
        return self.busy_seconds / elapsed_seconds


@dataclass(frozen=True, slots=True)
class EarlierWork:
    """What was finished before this process took the run up."""

    files: int = 0
    sequences: int = 0
    residues: int = 0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The end of a run, as printed after it: counts of the whole run, times of this session.

    Attributes:
        done: Files with an output.
        failed: Files without one, and why.
        waiting: Files left for another run.
        sequences: Vectors written.
        residues: Residues embedded.
        truncated: Sequences cut at the maximum length.
        replaced: Residues read as X.
        skipped: Sequences left out, empty ones and those too long for `--long skip`.
        missing: Sequences left out of finished outputs because they did not fit into memory.
        elapsed_seconds: From the start to the end.
        steals: Steals, each of a file or a bundle.
        splits: How often a device joined another one in a running file.
        prediction_errors: Relative errors of the times that files were predicted to take, median
            and 95th percentile; None where there were too few.
        moves: Files moved by hand.
        devices: What each device did.
        warnings: Lines a person should read.
        model_label: The model.
        output: The run folder.
        interrupted: Whether a person or a signal ended it.
        stop_reason: Why it ended early; empty otherwise.
        earlier: The part of all this that was there before.
        efficiency: Fluid bound over the time from the first lease to the last finished file, at
            the speeds that the devices showed while computing; None where nothing was done.
        first_batch_seconds: From the command to the first file in a worker's hands; None where it
            never came to that.
        copies: Sequences with the residues of an earlier one, which are computed once with it.
        skips: Files that a person skipped.
        damaged: Whether outputs that were made are not there any more; `stop_reason` says which.
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
    skips: tuple[FailedFile, ...] = ()
    damaged: bool = False

    @property
    def files_stolen(self) -> int:
        """Files that came to a device by steals; a steal may take a bundle of several."""
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
    """A run as a screen holds it. Every method returns at once and is thread-safe."""

    def snapshot(self) -> RunSnapshot:
        """Return the picture of this moment."""

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """Return the kept events with a greater number, oldest first."""

    def queue(self, device: str) -> tuple[Unit, ...]:
        """Return the units waiting for a device, next first."""

    def units(self) -> Sequence[Unit]:
        """Return every file as a unit at its number; none before they are known, then always
        the same.
        """

    def places(self, known: int) -> Places | None:
        """Return where every unit is, or None when no event came after number `known`."""

    def log_folder(self) -> Path:
        """Return where the log files of the run and its workers lie, on this machine."""

    def execute(self, command: Command) -> Outcome:
        """Carry out a command, or refuse it with the reason."""

    def summary(self) -> RunSummary | None:
        """Return the end of the run, or None while it goes on."""
