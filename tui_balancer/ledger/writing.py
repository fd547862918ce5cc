"""Writing the ledger: every append is one transaction, whole or not there."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.ledger.applying import apply_all, insert_event, insert_files, update
from tui_balancer.ledger.changes import Change, Entry, LeaseEnded, LeaseGranted, OutputsOwned
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.mounts import on_network
from tui_balancer.ledger.reading import LedgerReader, connect, connect_any
from tui_balancer.ledger.records import (
    DeviceUsed,
    EventRecord,
    FileRecord,
    LeaseEnd,
    RunRecord,
    SessionEnd,
    SessionRecord,
)
from tui_balancer.ledger.schema import TABLES


class Ledger(LedgerReader):
    """The ledger as the app process that owns the run holds it, the only writer.

    Appends may come from any thread; each is one transaction, and all survive the death of
    the app. Those that change the state of a file survive a power cut too, once the call
    has returned. A lease or an event may then be missing, which costs nothing: the file waits
    or is done. An output whose owner is missing is taken for a foreign file.

    On local disks the database keeps a write-ahead log, so that readers and the writer never
    wait for each other; elsewhere a rollback journal, and a reader who lingers makes the
    writer wait up to `BUSY_SECONDS`.

    Attributes:
        session: Number of the session that this process is.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self.session = 0
        self._write_ahead = _choose_journal(connection, path.parent)

    @classmethod
    def create(cls, path: Path, run: RunRecord, session: SessionRecord) -> Ledger:
        """Begin the ledger of a new run in a folder that exists.

        Raises:
            UserError: A file of that name holds something, or cannot be made.
            LedgerError: There is no space.
        """
        try:
            # SQLite makes files of mode 644 whatever the umask allows; its others get this one's.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
        except OSError as error:
            raise UserError(f"cannot make the ledger {path}: {error.strerror}") from error
        with _closed_on_error(connect_any(path, "rw"), f"cannot make the ledger {path}") as opened:
            (tables,) = opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables:
                raise UserError(
                    f"{path} exists already: continue that run, or choose another folder"
                )
            ledger = cls(path, opened)
            with ledger._transaction(durable=True):
                for statement in TABLES:
                    opened.execute(statement)
                opened.execute(
                    "INSERT INTO run VALUES (1, ?, ?, ?, ?)",
                    (run.created_at, run.model, json.dumps(dict(run.settings)), run.scanned_at),
                )
                ledger._begin(session)
        return ledger

    @classmethod
    def open(cls, path: Path, session: SessionRecord) -> Ledger:
        """Open the ledger of a run that was begun before; its open leases are lost.

        The caller must hold the lock of the run folder.

        Raises:
            UserError: There is none, it is damaged or none, or of another version.
            LedgerError: There is no space.
        """
        with _closed_on_error(connect(path, "rw"), f"cannot open the ledger {path}") as opened:
            (finding,) = opened.execute("PRAGMA quick_check(1)").fetchone()
            if finding != "ok":
                raise UserError(f"the ledger {path} is damaged: {finding}")
            ledger = cls(path, opened)
            with ledger._transaction(durable=True):
                lost = LeaseEnd.LOST.value
                opened.execute("UPDATE leases SET how = ? WHERE how IS NULL", (lost,))
                opened.execute(
                    "UPDATE files SET state = 'waiting', reason = ? WHERE state = 'leased'", (lost,)
                )
                ledger._begin(session)
        return ledger

    def keep_addition(self, command: str) -> int:
        """Record an accepted command to add inputs, until `record_scan` or `drop_addition`.

        Args:
            command: As JSON.

        Returns:
            Its number.

        Raises:
            LedgerError: It did not happen.
        """
        with self._transaction(durable=True):
            return (
                self._connection.execute(
                    "INSERT INTO additions (command) VALUES (?)", (command,)
                ).lastrowid
                or 0
            )

    def drop_addition(self, number: int) -> None:
        """Record that a command to add inputs is done, or adds nothing.

        Raises:
            LedgerError: It did not happen.
        """
        with self._transaction(durable=True):
            self._connection.execute("DELETE FROM additions WHERE id = ?", (number,))

    def record_scan(
        self, files: Sequence[FileRecord], at: float, addition: int | None = None
    ) -> None:
        """Record the run's files, all at once: those without an error wait.

        Args:
            files: Every input, in the order of the catalogue.
            at: Unix time of the end of the scan.
            addition: Number of the command that adds them, which is done.

        Raises:
            LedgerError: It did not happen.
        """
        with self._transaction(durable=True):
            insert_files(self._connection, files)
            update(self._connection, "UPDATE run SET scanned_at = ?", at)
            self._connection.execute("DELETE FROM additions WHERE id = ?", (addition,))

    def append(self, event: EventRecord | None, *changes: Change) -> None:
        """Record an event and what it changes, in one transaction.

        Raises:
            LedgerError: It did not happen.
        """
        self.append_all([Entry(event, changes)])

    def append_all(self, entries: Sequence[Entry]) -> None:
        """Record entries in their order, all of them in one transaction.

        Raises:
            LedgerError: None of it happened.
        """
        durable = not all(
            isinstance(change, (LeaseGranted, LeaseEnded, OutputsOwned, DeviceUsed))
            for entry in entries
            for change in entry.changes
        )
        with self._transaction(durable):
            for entry in entries:
                apply_all(self._connection, self.session, entry.changes)
                if entry.event is not None:
                    insert_event(self._connection, self.session, entry.event)

    def end_session(self, at: float, end: SessionEnd, reason: str = "") -> None:
        """Record how this process ended its work on the run, and why it failed.

        Raises:
            LedgerError: It did not happen.
        """
        with self._transaction(durable=True):
            update(
                self._connection,
                "UPDATE sessions SET ended_at = ?, end = ?, reason = ? WHERE id = ?",
                *(at, end.value, reason, self.session),
            )

    def close(self) -> None:
        """Close the file, and leave it as a single one that read-only media can hold."""
        with self._lock, suppress(sqlite3.Error):
            # Somebody who reads just now keeps the log alive; that is no reason to wait.
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA journal_mode = DELETE")
        super().close()

    def abandon(self) -> None:
        """Close a file that is not at its path any more, and touch nothing that is there."""
        super().close()

    def _begin(self, session: SessionRecord) -> None:
        self.session = (
            self._connection.execute(
                "INSERT INTO sessions (started_at, host, pid, versions, age_seconds) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    session.started_at,
                    session.host,
                    session.pid,
                    json.dumps(dict(session.versions)),
                    session.age_seconds,
                ),
            ).lastrowid
            or 0
        )

    @contextmanager
    def _transaction(self, durable: bool) -> Iterator[None]:
        with self._lock:
            # A rollback journal that is not synced can lose more than the last transaction.
            level = "FULL" if durable or not self._write_ahead else "NORMAL"
            try:
                self._connection.execute(f"PRAGMA synchronous = {level}")
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise LedgerError(f"cannot write the ledger: {error}") from error
                raise


@contextmanager
def _closed_on_error(connection: sqlite3.Connection, words: str) -> Iterator[sqlite3.Connection]:
    """Close a connection when the block fails; what the database says becomes a line."""
    try:
        yield connection
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise UserError(f"{words}: {error}") from error
        raise


def _choose_journal(connection: sqlite3.Connection, folder: Path) -> bool:
    """Set the journal mode that works in a folder; return whether it is the write-ahead log."""
    if not on_network(folder):
        with suppress(sqlite3.OperationalError):
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode == "wal":
                return True
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    return False
