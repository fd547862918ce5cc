"""The records of the ledger, as frozen values; `changes` has its changes.

Unless said otherwise, `seconds` count on the clock of a session, from its start, and
`…_at` are Unix times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec import Struct

from tui_balancer.failures import FailureCause


class FileState(str, Enum):
    """State of a file; `done` and `failed` are final."""

    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


class LeaseEnd(str, Enum):
    """How a lease ended.

    `part` means that other leases continued the unit, and `lost` that the app died during it.
    """

    DONE = "done"
    PART = "part"
    FAILED = "failed"
    RETURNED = "returned"
    WORKER_DIED = "worker died"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, over all of its sessions.

    Attributes:
        created_at: When it was first started.
        model: The model's label.
        settings: All that decides its outputs, and its inputs as the person named them;
            values that JSON knows.
        scanned_at: When its files were recorded; None while the scan has not ended.
    """

    created_at: float
    model: str
    settings: Mapping[str, Any]
    scanned_at: float | None = None


class SessionEnd(str, Enum):
    """How an app process ended its work on a run."""

    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One app process that works on the run; a run that is resumed has several.

    Attributes:
        versions: Of the program and the libraries that matter.
        ended_at: When it ended; None while it lives, or because it died.
        end: How it ended; None likewise.
        reason: Why it failed, in words; empty for every other end.
        age_seconds: What its command had taken before.
    """

    started_at: float
    host: str
    pid: int
    versions: Mapping[str, str]
    ended_at: float | None = None
    end: SessionEnd | None = None
    reason: str = ""
    age_seconds: float = 0.0


class FileRecord(Struct, frozen=True, gc=False):
    """An input as the scan found it, or a shard of a large one.

    Attributes:
        file_id: Position in the run's catalogue, from 0.
        unit: Number of the unit it is leased with: that of the unit's first file.
        bundle: Number of the first of the files that share batches with it. A unit that has to
            be made again in part is leased file by file, in its first batches.
        name: What a person sees.
        source: Absolute path.
        sha256: Of its raw bytes, of a shard as `inputs` has it; empty when it has an error.
        mtime_ns: Its last change, Unix time in nanoseconds.
        output: Path relative to the run folder.
        sequences: Sequences to embed.
        residues: Residues to embed, after truncation.
        cost: FLOPs.
        error: Why it cannot be computed; empty when it can.
        shards: Into how many shards it is divided, which are the records after it; 0 for none.
        whole: Of a shard, the number of its file; -1 for a file.
        first_byte: Of a shard, where it begins in the file.
        end_byte: The byte after its last one.
        records_before: Records of the file before it.
        exact_name: Its name, where `name` had to be changed to be printed; else empty.
        cause: Why it has failed, as code knows it; `FailureCause.NONE` while it has not.
    """

    file_id: int
    unit: int
    bundle: int
    name: str
    source: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    output: str
    sequences: int
    residues: int
    cost: float
    error: str = ""
    shards: int = 0
    whole: int = -1
    first_byte: int = 0
    end_byte: int = 0
    records_before: int = 0
    exact_name: str = ""
    cause: FailureCause = FailureCause.NONE

    @property
    def full_name(self) -> str:
        """Its name as the file system has it; not to be printed."""
        return self.exact_name or self.name

    @property
    def is_shard(self) -> bool:
        """Whether it is a part of another file, which it is named after."""
        return self.whole >= 0


class OutputRecord(Struct, frozen=True, gc=False):
    """A published output.

    Attributes:
        output: Its path relative to the run folder.
        mtime_ns: Its last change, Unix time in nanoseconds; 0 of a folder.
    """

    output: str
    sha256: str
    bytes: int
    mtime_ns: int = 0


class FileRow(Struct, frozen=True, gc=False):
    """A file and its state; what is not known yet is empty or 0.

    Attributes:
        state: Where it is.
        reason: Why it failed or waits again.
        attempts: Epoch of its newest lease.
        output_sha256: Of the published output; of the first one if there are several.
        vectors: Sequences in it.
        truncated: Sequences cut at the maximum length.
        replaced: Residues read as unknown.
        deaths: Workers that died with it, since it was new or last tried again.
        owned: Whether this run has put outputs in their places, or has begun to.
        by_hand: Whether it failed because a person skipped it.
        output_mtime_ns: As `OutputRecord.mtime_ns`, of the first output.
        others: Its other outputs, by their paths.
    """

    file: FileRecord
    state: FileState
    reason: str = ""
    attempts: int = 0
    device: str = ""
    output_sha256: str = ""
    output_bytes: int = 0
    vectors: int = 0
    truncated: int = 0
    replaced: int = 0
    skipped: int = 0
    deaths: int = 0
    owned: bool = False
    by_hand: bool = False
    output_mtime_ns: int = 0
    others: tuple[OutputRecord, ...] = ()

    @classmethod
    def of_new(cls, file: FileRecord) -> FileRow:
        """Return the row that a ledger has of a file when its scan is recorded."""
        return cls(file, FileState.FAILED if file.error else FileState.WAITING, file.error)

    @property
    def outputs(self) -> tuple[OutputRecord, ...]:
        """All of its published outputs, the first one first."""
        known = (self.output_sha256, self.output_bytes, self.output_mtime_ns)
        return (OutputRecord(self.file.output, *known), *self.others)

    @property
    def missing(self) -> int:
        """Sequences that its output lacks, because they did not fit into memory."""
        return self.file.sequences - self.vectors if self.state is FileState.DONE else 0


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event, numbered without gaps within its session.

    Attributes:
        sequence: Its number, from 1.
        kind: What, in one word.
        payload: The rest; values that JSON knows.
    """

    sequence: int
    seconds: float
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceUsed:
    """What is known of a device in this session; a later one takes the place of an earlier one.

    Attributes:
        device: `cuda:0`, `mps`, `cpu:0`.
        name: What the hardware calls itself.
        weight: Its relative speed as assumed at the start.
        threads: CPU threads of its worker.
        memory_bytes: Its memory; None where unknown.
        load_seconds: From the start of its newest worker to the model being there.
        busy_seconds: Time with a batch in flight so far.
        restarts: How often its worker was started again.
    """

    device: str
    name: str
    weight: float
    threads: int
    memory_bytes: int | None
    load_seconds: float
    busy_seconds: float = 0.0
    restarts: int = 0
    seconds: float = 0.0
