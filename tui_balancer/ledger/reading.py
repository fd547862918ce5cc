"""Reads a ledger, also while a run writes it."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from msgspec.structs import replace

from tui_balancer.errors import UserError
from tui_balancer.failures import FailureCause
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import (
    DeviceUsed,
    EventRecord,
    FileRecord,
    FileRow,
    FileState,
    OutputRecord,
    RunRecord,
    SessionEnd,
    SessionRecord,
)
from tui_balancer.ledger.schema import (
    APPLICATION_ID,
    FILE_COLUMNS,
    OUTCOME_COLUMNS,
    SCHEMA_VERSION,
)

BUSY_SECONDS = 30.0
"""How long to wait for another process that holds the database."""

_FILE_FIELDS = len(FILE_COLUMNS.split(","))
_STATES = {state.value: state for state in FileState}
_CAUSES = {cause.value: cause for cause in FailureCause}


class LedgerReader:
    """An open ledger; every method is thread-safe and sees one moment.

    Every method but `close` raises `LedgerError` when the database cannot be read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def run(self) -> RunRecord:
        """Return the record of the run."""
        ((created_at, model, settings, scanned_at),) = self._select(
            "SELECT created_at, model, settings, scanned_at FROM run"
        )
        return RunRecord(created_at, model, json.loads(settings), scanned_at)

    def sessions(self) -> tuple[SessionRecord, ...]:
        """Return the app processes that worked on the run, oldest first."""
        rows = self._select(
            "SELECT started_at, host, pid, versions, ended_at, end, reason, age_seconds "
            "FROM sessions ORDER BY id"
        )
        return tuple(
            SessionRecord(
                started_at,
                host,
                pid,
                json.loads(versions),
                ended_at,
                SessionEnd(end) if end else None,
                *rest,
            )
            for started_at, host, pid, versions, ended_at, end, *rest in rows
        )

    def files(self) -> tuple[FileRow, ...]:
        """Return every file, in the order of the catalogue."""
        # One by one, so that the rows as SQLite has them are not all in memory with these.
        found = f"SELECT {FILE_COLUMNS}, {OUTCOME_COLUMNS} FROM files ORDER BY id"
        with self._reading() as select:
            rows = tuple(map(_file_row, select(found)))
        others: defaultdict[int, list[OutputRecord]] = defaultdict(list)
        for file_id, output, *known in self._select(
            "SELECT file, outputs.output, outputs.sha256, bytes, outputs.mtime_ns FROM outputs "
            "JOIN files ON files.id = file WHERE state = 'done' ORDER BY file, outputs.output"
        ):
            others[file_id].append(OutputRecord(_text(output), *known))
        if not others:
            return rows
        return tuple(replace(row, others=tuple(others.get(row.file.file_id, ()))) for row in rows)

    def additions(self) -> tuple[tuple[int, str], ...]:
        """Return the accepted commands to add inputs that are not done: number and JSON."""
        return tuple(self._select("SELECT id, command FROM additions ORDER BY id"))

    def left_out(self) -> dict[str, tuple[int, int]]:
        """Return the size and time of files that a warning told of, by their paths."""
        rows = self._select("SELECT source, size_bytes, mtime_ns FROM left_out")
        return {_text(source): (size, mtime) for source, size, mtime in rows}

    def outputs(self) -> tuple[str, ...]:
        """Return the first output of every file, as a path in the run folder."""
        return tuple(_text(output) for (output,) in self._select("SELECT output FROM files"))

    def published(self) -> tuple[str, ...]:
        """Return all outputs of the files that are done, as paths in the run folder."""
        rows = self._select(
            "SELECT output FROM files WHERE state = 'done' AND whole < 0 UNION ALL "
            "SELECT outputs.output FROM outputs JOIN files ON files.id = file "
            "WHERE state = 'done' AND whole < 0"
        )
        return tuple(_text(output) for (output,) in rows)

    def devices(self, session: int | None = None) -> tuple[DeviceUsed, ...]:
        """Return the devices of a session; of the newest one by default."""
        rows = self._select(
            "SELECT device, name, weight, threads, memory_bytes, load_seconds, busy_seconds, "
            "restarts, seconds FROM devices "
            "WHERE session = coalesce(?, (SELECT max(id) FROM sessions)) ORDER BY device",
            session,
        )
        return tuple(DeviceUsed(*row) for row in rows)

    def events(self, session: int | None = None) -> tuple[EventRecord, ...]:
        """Return a session's events in order; those of the newest session by default."""
        rows = self._select(
            "SELECT sequence, seconds, kind, payload FROM events "
            "WHERE session = coalesce(?, (SELECT max(id) FROM sessions)) ORDER BY sequence",
            session,
        )
        # One call for all of them: a run of 100,000 files has 200,000 events.
        payloads = json.loads(f"[{','.join(payload for *_, payload in rows)}]")
        return tuple(
            EventRecord(sequence, seconds, kind, payload)
            for (sequence, seconds, kind, _), payload in zip(rows, payloads, strict=True)
        )

    def event_texts(self, session: int) -> list[tuple[float, str, str]]:
        """Return the seconds, the kind and the payload as JSON of a session's events, in order."""
        return self._select(
            "SELECT seconds, kind, payload FROM events WHERE session = ? ORDER BY sequence", session
        )

    def payloads(self, kind: str) -> tuple[dict[str, Any], ...]:
        """Return what the events of a kind hold, of all sessions, oldest first."""
        rows = self._select(
            "SELECT payload FROM events WHERE kind = ? ORDER BY session, sequence", kind
        )
        return tuple(json.loads(payload) for (payload,) in rows)

    def _select(self, statement: str, *values: object) -> list[Any]:
        with self._reading() as select:
            return select(statement, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """Keep others from the connection; yield its `execute`."""
        with self._lock:
            try:
                yield self._connection.execute
            except sqlite3.Error as error:
                raise LedgerError(_unreadable(self.path, error)) from error


def read_ledger(path: Path) -> LedgerReader:
    """Open a ledger for reading, by any number of processes, during a run or after it.

    Raises:
        UserError: There is none, it is none, or another version of the program wrote it.
    """
    return LedgerReader(path, connect(path, "ro"))


def is_blank(path: Path) -> bool:
    """Whether a ledger was never begun: there is none, or its maker died before its first entry.

    Raises:
        UserError: It cannot be opened.
    """
    if not path.exists():
        return True
    connection = connect_any(path, "ro")
    try:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return False
    finally:
        connection.close()
    return bool(tables == 0)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a ledger in autocommit mode, for any thread.

    Args:
        mode: `ro` or `rw`, as in SQLite's URIs.

    Raises:
        UserError: There is none, it is none, or another version of the program wrote it.
    """
    if not path.is_file():
        raise UserError(f"there is no run here: {path} does not exist")
    connection = connect_any(path, mode)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise UserError(_unreadable(path, error)) from error
    if application != APPLICATION_ID:
        _refuse(connection, f"{path} is not a ledger: choose another output folder")
    if version != SCHEMA_VERSION:
        _refuse(
            connection,
            f"{path} has format {version}, this program knows format {SCHEMA_VERSION}: "
            "continue the run with the version that began it",
        )
    return connection


def connect_any(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database whatever it holds.

    Raises:
        UserError: It cannot be opened.
    """
    try:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise UserError(f"cannot open the ledger {path}: {error}") from error


def _unreadable(path: Path, error: sqlite3.Error) -> str:
    """Say why a ledger cannot be read, and what to do if it is damaged."""
    line = f"cannot read the ledger {path}: {error}"
    # The kinds of it are passing: locked, no permission, an error of the disk.
    if type(error) is not sqlite3.DatabaseError:
        return line
    return (
        f"{line}. The outputs are kept. Put a copy of the ledger in its place, or remove it and "
        "run again with --overwrite, which embeds all files again"
    )


def _refuse(connection: sqlite3.Connection, reason: str) -> NoReturn:
    connection.close()
    raise UserError(reason)


def _file_row(row: tuple[Any, ...]) -> FileRow:
    if bytes in map(type, row):
        row = tuple(map(_text, row))
    state, *outcome, owned, by_hand, mtime_ns = row[_FILE_FIELDS:]
    file_id, unit, bundle, *scanned, cause = row[:_FILE_FIELDS]
    # Most files share with none: one number object instead of three.
    unit, bundle = (file_id if one == file_id else one for one in (unit, bundle))
    file = FileRecord(*(file_id, unit, bundle, *scanned, _CAUSES[cause]))
    return FileRow(*(file, _STATES[state], *outcome, bool(owned), bool(by_hand), mtime_ns))


def _text(value: Any) -> Any:
    """Return a path that is not UTF-8 as Python has it, and other values as they are."""
    return os.fsdecode(value) if isinstance(value, bytes) else value
