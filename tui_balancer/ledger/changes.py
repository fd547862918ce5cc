"""What happens to what the ledger holds, as frozen values; `applying` says what each means.

`seconds` count on the clock of a session, from its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_balancer.failures import FailureCause
from tui_balancer.ledger.records import (
    DeviceUsed,
    EventRecord,
    FileRecord,
    LeaseEnd,
    OutputRecord,
)


@dataclass(frozen=True, slots=True)
class LeaseGranted:
    """A unit is about to be handed to a worker: its waiting files become leased.

    They are leased already if it is a part of the unit.
    """

    unit: int
    epoch: int
    device: str
    seconds: float
    part: bool = False


@dataclass(frozen=True, slots=True)
class LeaseEnded:
    """A lease is over: files of the unit that are still leased wait again, if it was the only one.

    Attributes:
        charged: Whether a worker died and that counts against those files.
    """

    unit: int
    epoch: int
    how: LeaseEnd
    seconds: float
    charged: bool = False


@dataclass(frozen=True, slots=True)
class OutputsOwned:
    """A file's outputs are about to be put in place; or could not be, for others' were there."""

    file_id: int
    owned: bool = True


@dataclass(frozen=True, slots=True)
class FileDone:
    """A leased file's outputs are in place; see `FileRow` for the attributes."""

    file_id: int
    output_sha256: str
    output_bytes: int
    vectors: int
    truncated: int = 0
    replaced: int = 0
    skipped: int = 0
    others: tuple[OutputRecord, ...] = ()
    output_mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class FileFailed:
    """One file of a bundle has failed; the others may still be done."""

    file_id: int
    reason: str
    cause: FailureCause = FailureCause.UNEXPECTED


@dataclass(frozen=True, slots=True)
class FileReopened:
    """A file that was done or failed waits again, alone: its output is gone, or for a retry."""

    file_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class UnitFailed:
    """The files of a unit, none of which is done, will not be."""

    unit: int
    reason: str
    cause: FailureCause = FailureCause.UNEXPECTED


@dataclass(frozen=True, slots=True)
class FilesSkipped:
    """A person skipped waiting files: they have failed."""

    file_ids: Sequence[int]
    reason: str


@dataclass(frozen=True, slots=True)
class FilesRetried:
    """Files that failed, in whole units, wait again."""

    file_ids: Sequence[int]
    reason: str


@dataclass(frozen=True, slots=True)
class UnitBrokenUp:
    """The waiting files of a bundle are single units now, each in its own batches."""

    unit: int


@dataclass(frozen=True, slots=True)
class FileRescanned:
    """A file's content changed and was accepted; it waits (or has failed) as if it were new."""

    file: FileRecord


@dataclass(frozen=True, slots=True)
class FileLeftOut:
    """A warning told of a file of a watched folder that is no input; size and time are its own."""

    source: str
    size_bytes: int
    mtime_ns: int


Change = (
    LeaseGranted
    | LeaseEnded
    | OutputsOwned
    | FileDone
    | FileFailed
    | FileReopened
    | FileRescanned
    | UnitFailed
    | FilesSkipped
    | FilesRetried
    | UnitBrokenUp
    | DeviceUsed
    | FileLeftOut
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written in one go: an event and what it changes; either may be missing."""

    event: EventRecord | None
    changes: tuple[Change, ...] = ()
