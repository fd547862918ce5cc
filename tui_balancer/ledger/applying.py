"""Applies changes to the ledger's tables, statement by statement.

Nothing here begins or ends a transaction: that, and what survives what, is the writer's.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from itertools import groupby

from msgspec.structs import astuple as values_of

from tui_balancer.ledger.changes import (
    Change,
    FileDone,
    FileFailed,
    FileLeftOut,
    FileReopened,
    FileRescanned,
    FilesRetried,
    FilesSkipped,
    LeaseEnded,
    LeaseGranted,
    OutputsOwned,
    UnitBrokenUp,
    UnitFailed,
)
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import DeviceUsed, EventRecord, FileRecord, LeaseEnd
from tui_balancer.ledger.schema import FILE_COLUMNS

_COLUMNS = FILE_COLUMNS.split(", ")
_ERROR = f"?{_COLUMNS.index('error') + 1}"
_SCANNED = (
    f"{', '.join(f'?{number + 1}' for number in range(len(_COLUMNS)))}, "
    f"CASE {_ERROR} WHEN '' THEN 'waiting' ELSE 'failed' END, {_ERROR}"
)
"""Of a file that was just scanned: its columns, its state and the reason for that."""

_NO_OUTPUT = (
    "output_sha256 = '', output_bytes = 0, vectors = 0, truncated = 0, replaced = 0, skipped = 0, "
    "deaths = 0, by_hand = 0, output_mtime_ns = 0"
)


def insert_files(connection: sqlite3.Connection, files: Iterable[FileRecord]) -> None:
    """Add files that are new: those without an error wait."""
    connection.executemany(
        f"INSERT INTO files ({FILE_COLUMNS}, state, reason) VALUES ({_SCANNED})",
        map(_file_values, files),
    )


def insert_event(connection: sqlite3.Connection, session: int, event: EventRecord) -> None:
    """Add an event to those of a session."""
    payload = json.dumps(dict(event.payload))
    connection.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
        (session, event.sequence, event.seconds, event.kind, payload),
    )


def apply_all(connection: sqlite3.Connection, session: int, changes: Iterable[Change]) -> None:
    """Apply changes to the tables in their order, within the open transaction.

    Raises:
        LedgerError: The ledger disagrees: a change is none of what it has.
    """
    for kind, group in groupby(changes, type):
        # A bundle has hundreds of these two.
        if kind is FileDone:
            _apply_done(connection, [one for one in group if isinstance(one, FileDone)])
        elif kind is OutputsOwned:
            _apply_owned(connection, [one for one in group if isinstance(one, OutputsOwned)])
        else:
            for change in group:
                _apply(connection, session, change)


def _apply(connection: sqlite3.Connection, session: int, change: Change) -> None:
    match change:
        case LeaseGranted(unit, epoch, device, seconds, part):
            connection.execute(
                "INSERT INTO leases VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                (unit, epoch, session, device, seconds),
            )
            update(
                connection,
                "UPDATE files SET state = 'leased', reason = '', cause = '', attempts = ?, "
                "device = ? "
                "WHERE unit = ? AND state = ?",
                *(epoch, device, unit, "leased" if part else "waiting"),
            )
        case LeaseEnded(unit, epoch, how, seconds, charged):
            update(
                connection,
                "UPDATE leases SET ended = ?, how = ? "
                "WHERE unit = ? AND epoch = ? AND session = ? AND how IS NULL",
                *(seconds, how.value, unit, epoch, session),
            )
            connection.execute(
                "UPDATE files SET deaths = deaths + ? WHERE unit = ? AND state = 'leased'",
                (charged, unit),
            )
            connection.execute(
                "UPDATE files SET state = 'waiting', reason = ?1 "
                "WHERE unit = ?2 AND state = 'leased' AND NOT EXISTS "
                "(SELECT 1 FROM leases WHERE unit = ?2 AND session = ?3 AND how IS NULL)",
                (how.value, unit, session),
            )
            if how is LeaseEnd.DONE:
                # What failed of a bundle that is done is on its own from now on.
                connection.execute(
                    "UPDATE files SET unit = id WHERE unit = ? AND state = 'failed'", (unit,)
                )
        case FileFailed(file_id, reason, cause):
            update(
                connection,
                "UPDATE files SET state = 'failed', reason = ?, cause = ? "
                "WHERE id = ? AND state IN ('waiting', 'leased')",
                *(reason, cause.value, file_id),
            )
        case UnitFailed(unit, reason, cause):
            update(
                connection,
                "UPDATE files SET state = 'failed', reason = ?, cause = ? "
                "WHERE unit = ? AND state IN ('waiting', 'leased')",
                *(reason, cause.value, unit),
            )
        case FilesSkipped(file_ids, reason):
            _update_each(
                connection,
                "UPDATE files SET state = 'failed', reason = ?, cause = '', by_hand = 1 "
                "WHERE id = ? AND state IN ('waiting', 'leased')",
                [(reason, file_id) for file_id in file_ids],
            )
        case FilesRetried(file_ids, reason):
            _update_each(
                connection,
                f"UPDATE files SET state = 'waiting', reason = ?, cause = '', {_NO_OUTPUT} "
                "WHERE id = ? AND state = 'failed'",
                [(reason, file_id) for file_id in file_ids],
            )
        case UnitBrokenUp(unit):
            update(
                connection,
                "UPDATE files SET unit = id, bundle = id, deaths = 0 "
                "WHERE unit = ? AND state = 'waiting'",
                unit,
            )
        case FileReopened(file_id, reason):
            update(
                connection,
                "UPDATE files SET state = 'waiting', reason = ?, cause = '', unit = id, "
                f"{_NO_OUTPUT} WHERE id = ? AND state IN ('done', 'failed')",
                *(reason, file_id),
            )
        case FileRescanned(file):
            update(
                connection,
                f"UPDATE files SET ({FILE_COLUMNS}, state, reason) = ({_SCANNED}), "
                f"{_NO_OUTPUT} WHERE id = ?1 AND state <> 'leased'",
                *_file_values(file),
            )
            # A changed file is whole again: its old shards are no longer used.
            connection.execute(
                "UPDATE files SET state = 'done', reason = '', sequences = 0, residues = 0, "
                f"cost = 0, {_NO_OUTPUT} WHERE whole = ?",
                (file.file_id,),
            )
        case FileLeftOut(source, size_bytes, mtime_ns):
            update(
                connection,
                "INSERT OR REPLACE INTO left_out VALUES (?, ?, ?)",
                *(source, size_bytes, mtime_ns),
            )
        case DeviceUsed():
            update(
                connection,
                "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(session, *astuple(change)),
            )


def _apply_owned(connection: sqlite3.Connection, changes: Sequence[OutputsOwned]) -> None:
    rows = [(one.owned, one.file_id) for one in changes]
    _update_each(connection, "UPDATE files SET owned = ? WHERE id = ?", rows)


def _apply_done(connection: sqlite3.Connection, changes: Sequence[FileDone]) -> None:
    _update_each(
        connection,
        "UPDATE files SET state = 'done', reason = '', output_sha256 = ?, output_bytes = ?, "
        "vectors = ?, truncated = ?, replaced = ?, skipped = ?, output_mtime_ns = ? "
        "WHERE id = ? AND state = 'leased'",
        [
            (
                *(one.output_sha256, one.output_bytes, one.vectors, one.truncated),
                *(one.replaced, one.skipped, one.output_mtime_ns, one.file_id),
            )
            for one in changes
        ],
    )
    connection.executemany(
        "DELETE FROM outputs WHERE file = ?", [(one.file_id,) for one in changes]
    )
    connection.executemany(
        "INSERT INTO outputs VALUES (?, ?, ?, ?, ?)",
        [
            (one.file_id, _storable(other.output), other.sha256, other.bytes, other.mtime_ns)
            for one in changes
            for other in one.others
        ],
    )


def update(connection: sqlite3.Connection, statement: str, *values: object) -> None:
    """Change at least one row: what the writer believes must agree with the ledger."""
    if connection.execute(statement, [_storable(value) for value in values]).rowcount < 1:
        raise LedgerError(f"the ledger disagrees: nothing to do for {statement} {values}")


def _update_each(
    connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]
) -> None:
    """Change one row by each set of values; see `update`."""
    if connection.executemany(statement, rows).rowcount != len(rows):
        raise LedgerError(f"the ledger disagrees: nothing to do for {statement} in {rows}")


def _file_values(file: FileRecord) -> list[object]:
    return list(map(_storable, values_of(file)))


def _storable(value: object) -> object:
    """Return a value that SQLite takes: text that is not UTF-8, of some path, becomes bytes."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return os.fsencode(value)
    return value
