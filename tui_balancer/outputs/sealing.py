"""A written file made safe and measured."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """An output that is safe on the disk; two are equal whose bytes are.

    Attributes:
        sha256: Of its bytes, as read back; of a folder, of its `SHA256SUMS`.
        bytes: Their number; of a folder, that of all its files.
        mtime_ns: Its last change, Unix time in nanoseconds; 0 of a folder, whose files change
            without it.
    """

    sha256: str
    bytes: int
    mtime_ns: int = field(default=0, compare=False)


class ShieldedFile(io.FileIO):
    """A file for libraries that cannot stand a full disk: it fails once they are through.

    HDF5 crashes the process when it cannot write what it holds, and torch reports a mistake of
    its own. From the first failure on nothing more is written, and the library hears of none.

    Attributes:
        failure: The first one; None as long as all is well.
    """

    failure: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        """Write all of it, or pretend to."""
        view = memoryview(data).cast("B")
        position = self.tell()
        written = 0
        try:
            while self.failure is None and written < len(view):
                written += super().write(view[written:])
        except OSError as failure:
            self.failure = failure
        if self.failure is not None:
            self.seek(position + len(view))
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Set the size, or pretend to."""
        wanted = self.tell() if size is None else size
        try:
            if self.failure is None:
                super().truncate(wanted)
        except OSError as failure:
            self.failure = failure
        return wanted

    def check(self) -> None:
        """Raise the first failure, if there was one.

        Raises:
            OSError: See `failure`.
        """
        if self.failure is not None:
            raise self.failure


def seal(path: Path) -> Written:
    """Sync a file and read it back.

    Raises:
        OSError: It did not work, e.g. because the disk is full.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    status = path.stat()
    return Written(sha256_of(path), status.st_size, status.st_mtime_ns)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        # No more than it takes: small files are read by many threads at once.
        block = bytearray(min(_BLOCK_BYTES, os.fstat(file.fileno()).st_size + 1))
        while count := file.readinto(block):
            digest.update(memoryview(block)[:count])
    return digest.hexdigest()
