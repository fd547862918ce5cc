"""A written file measured, and made safe on the disk."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_BLOCK_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Written:
    """A written output; two are equal whose bytes are.

    Attributes:
        sha256: Of its bytes; of a folder, of its `SHA256SUMS`.
        bytes: Their number; of a folder, that of all its files.
        mtime_ns: Its last change, Unix time in nanoseconds; 0 of a folder, whose files change
            without it. Equal outputs may have been written at different times.
    """

    sha256: str
    bytes: int
    mtime_ns: int = field(default=0, compare=False)

    def __reduce__(self) -> tuple[type[Written], tuple[str, int, int]]:
        """Pickle it in a fraction of the time: there is one a file."""
        return Written, (self.sha256, self.bytes, self.mtime_ns)


class MeasuredFile:
    """A new file that is written from its beginning to its end, and measured meanwhile.

    Leaving the block has the system begin to bring it to the disk, as `measure` does.

    Attributes:
        written: What is in it, once the block is left.

    Raises:
        OSError: It cannot be written, e.g. because the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._digest = hashlib.sha256()
        self.written = Written("", 0)

    def write(self, data: Buffer) -> None:
        """Write all of it."""
        self._digest.update(data)
        self._file.write(data)

    def __enter__(self) -> MeasuredFile:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._file.flush()
            status = os.fstat(self._file.fileno())
            _begin_writing(self._file.fileno())
        self.written = Written(self._digest.hexdigest(), status.st_size, status.st_mtime_ns)


class ShieldedFile(io.FileIO):
    """A file for libraries that cannot stand a full disk: it fails once they are through.

    HDF5 crashes the process when it cannot write what it holds, and torch reports a mistake of
    its own. After the first failure nothing more is written, and the library is told of none.

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


def measure(path: Path) -> Written:
    """Read a written file back, and have the system begin to bring it to the disk.

    `sync` waits for that. Many small files that all begin first take a disk little longer than one.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        found = _digest(file, status.st_size)
        _begin_writing(file.fileno())
    return Written(found, status.st_size, status.st_mtime_ns)


def _begin_writing(descriptor: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync(path: Path) -> None:
    """Return when an output survives a power cut: a file, or a folder and everything in it.

    Its own name is not part of that, see `sync_folder`.

    Raises:
        OSError: It did not work, e.g. because the disk is full.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if not is_folder:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_folder:
        for inside in path.iterdir():
            sync(inside)
        sync_folder(path)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to survive a power cut.

    Raises:
        OSError: The disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems sync names themselves and refuse the call.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        return _digest(file, os.fstat(file.fileno()).st_size)


def _digest(file: io.FileIO, size: int) -> str:
    """Return the SHA-256 of an open file of about this size."""
    digest = hashlib.sha256()
    # No more than it takes: small files are read by many threads at once.
    block = bytearray(min(_BLOCK_BYTES, size + 1))
    while count := file.readinto(block):
        digest.update(memoryview(block)[:count])
    return digest.hexdigest()
