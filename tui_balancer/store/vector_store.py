"""Vectors that runs share: one SQLite database, a checksum for each vector.

A vector is found by its space, which says everything that decides its numbers but the sequence, and
by the digest of the sequence. Several runs may read and write at once, also from several machines:
each write is one short transaction with a rollback journal, which works on network file systems
whose locks work. A process that dies in a transaction leaves nothing of it.

Every vector has a number that only grows. A run reads those up to the newest one at its start, so
what it finds does not depend on what others, or itself, write meanwhile.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui_balancer.errors import UserError

Vector = npt.NDArray[np.float32]

STORE_NAME = "vectors.sqlite"
"""Of the database, in the folder of the store."""

BUSY_SECONDS = 30.0
"""Longest wait for the others."""

DIGEST_BYTES = 16

_MANY = 500
"""Keys in a statement; SQLite's oldest limit is 999."""

_PAGE_BYTES = 16384
"""A page has three vectors of 1,280 numbers and little left over."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS spaces (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE)",
    # AUTOINCREMENT: the number of a removed vector is not used again.
    "CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "space INTEGER NOT NULL, key BLOB NOT NULL, checksum BLOB NOT NULL, "
    "stored_at INTEGER NOT NULL, vector BLOB NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS by_key ON vectors (space, key)",
    "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, number INTEGER NOT NULL)",
    "INSERT OR IGNORE INTO counts VALUES ('damaged', 0)",
)


class StoreError(Exception):
    """The store cannot be used now; one line that says why."""


def space_of(**facts: object) -> str:
    """Return the text of a space: equal facts are one space."""
    return json.dumps(facts, sort_keys=True)


def sequence_key(residues: bytes) -> bytes:
    """Return the key of a sequence."""
    return blake2b(residues, digest_size=DIGEST_BYTES).digest()


def checksum(space: str, key: bytes, vector: bytes) -> bytes:
    """Return the checksum of a vector, which no other place in the store has."""
    digest = blake2b(key, digest_size=DIGEST_BYTES, person=b"vector")
    digest.update(space.encode())
    digest.update(vector)
    return digest.digest()


def is_undamaged(space: object, key: object, own: object, vector: object) -> bool:
    """Whether a row of the database is as it was stored; damage may change even its types."""
    return (
        isinstance(space, str)
        and isinstance(key, bytes)
        and isinstance(vector, bytes)
        and own == checksum(space, key, vector)
    )


class VectorStore:
    """A store, for all threads of a process.

    Attributes:
        path: Of its database.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take a connection; see `open` and `create`."""
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()
        self._spaces: dict[str, int] = {}

    @classmethod
    def create(cls, folder: Path) -> VectorStore:
        """Open the store in a folder, or begin one.

        Raises:
            UserError: It cannot be opened.
        """
        path = folder / STORE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # SQLite makes files of mode 644 whatever the umask allows.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
        except OSError as error:
            raise UserError(f"cannot use the store {folder}: {error.strerror}") from error
        return cls._opened(path, tables=True)

    @classmethod
    def open(cls, folder: Path) -> VectorStore:
        """Open an existing store.

        Raises:
            UserError: There is none, or it cannot be read.
        """
        path = folder / STORE_NAME
        if not path.exists():
            raise UserError(f"{folder} contains no store: give the folder of a run's --store")
        return cls._opened(path)

    @classmethod
    def _opened(cls, path: Path, *, tables: bool = False) -> VectorStore:
        try:
            connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise UserError(f"the store {path} cannot be opened: {error}") from error
        # A damaged row must not hide the others.
        connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        store = cls(path, connection)
        try:
            store._prepare(tables=tables)
        except StoreError as error:
            store.close()
            raise UserError(str(error)) from error
        return store

    def _prepare(self, *, tables: bool) -> None:
        """Set the connection up, make the tables if asked to, and check that they are there."""
        self.rows(f"PRAGMA page_size = {_PAGE_BYTES}")
        self.rows("PRAGMA auto_vacuum = INCREMENTAL")
        if tables and not self.rows("SELECT name FROM sqlite_master"):
            with self.writing() as connection:
                for statement in _TABLES:
                    connection.execute(statement)
        self.rows("SELECT number FROM counts")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def newest(self) -> int:
        """Return the number of the newest vector so far.

        Raises:
            StoreError: See `rows`.
        """
        found = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'vectors'")
        return int(found[0][0]) if found else 0

    def find(self, space: str, keys: Sequence[bytes], until: int) -> set[bytes]:
        """Return the keys that have a vector with a number up to `until`, without reading it.

        Raises:
            StoreError: See `rows`.
        """
        return {key for (key,) in self._chosen("key", space, keys, until)}

    def read(self, space: str, keys: Sequence[bytes], until: int) -> dict[bytes, Vector]:
        """Return the vectors of keys with a number up to `until`, those that are there.

        A damaged vector is not returned: it is counted and removed, if that is possible.

        Raises:
            StoreError: See `rows`.
        """
        found: dict[bytes, Vector] = {}
        damaged: list[int] = []
        for number, key, own, vector in self._chosen(
            "id, key, checksum, vector", space, keys, until
        ):
            if is_undamaged(space, key, own, vector):
                found[key] = np.frombuffer(vector, "<f4").astype(np.float32)
            else:
                damaged.append(number)
        if damaged:
            with suppress(StoreError):
                self.discard(damaged)
        return found

    def put(self, vectors: Iterable[tuple[str, bytes, Vector]]) -> None:
        """Store vectors in one transaction, each with its space and key; known keys stay.

        Raises:
            StoreError: It is not possible now; nothing was stored.
        """
        now = int(time.time())
        with self.writing() as connection:
            for space, key, numbers in vectors:
                vector = numbers.astype("<f4").tobytes()
                connection.execute(
                    "INSERT OR IGNORE INTO vectors (space, key, checksum, stored_at, vector) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (self._space(space), key, checksum(space, key, vector), now, vector),
                )

    def discard(self, numbers: Sequence[int], *, damaged: bool = True) -> None:
        """Remove vectors by their numbers, and count them if they are damaged.

        Raises:
            StoreError: It is not possible now.
        """
        with self.writing() as connection:
            before = connection.total_changes
            connection.executemany("DELETE FROM vectors WHERE id = ?", ((n,) for n in numbers))
            if damaged:
                connection.execute(
                    "UPDATE counts SET number = number + ? WHERE name = 'damaged'",
                    (connection.total_changes - before,),
                )

    def spaces(self) -> dict[int, str]:
        """Return the text of each space by its number.

        Raises:
            StoreError: See `rows`.
        """
        return dict(self.rows("SELECT id, content FROM spaces"))

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a statement.

        Raises:
            StoreError: The database is locked for too long, damaged or gone.
        """
        with self._lock, self._problems():
            return self._connection.execute(statement, tuple(values)).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold a transaction: all that is done in it, or nothing.

        Raises:
            StoreError: It is not possible now.
        """
        with self._lock, self._problems():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._spaces.clear()
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _chosen(self, columns: str, space: str, keys: Sequence[bytes], until: int) -> Iterator[Any]:
        for start in range(0, len(keys), _MANY):
            some = keys[start : start + _MANY]
            yield from self.rows(
                f"SELECT {columns} FROM vectors WHERE id <= ? "
                "AND space = (SELECT id FROM spaces WHERE content = ?) "
                f"AND key IN ({', '.join('?' * len(some))})",
                (until, space, *some),
            )

    def _space(self, content: str) -> int:
        """Return the number of a space, within a transaction."""
        if content not in self._spaces:
            execute, values = self._connection.execute, (content,)
            execute("INSERT OR IGNORE INTO spaces (content) VALUES (?)", values)
            found = execute("SELECT id FROM spaces WHERE content = ?", values)
            (self._spaces[content],) = found.fetchone()
        return self._spaces[content]

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"the store {self.path} cannot be used: {error}") from error


def model_of(space: str) -> str:
    """Return the name of a space's model."""
    facts: Mapping[str, object] = json.loads(space)
    return str(facts.get("model", ""))
