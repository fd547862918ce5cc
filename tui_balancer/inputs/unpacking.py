"""Packed files, known by their first bytes and read as what they hold."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = frozenset({".gz", ".bz2", ".xz", ".zst"})
"""That may follow the suffix of what is packed; the content decides, not they."""

ZIP_MAGIC = b"PK\x03\x04"

_BUFFER_BYTES = 1 << 20


class BrokenPacking(OSError):
    """Packed data that is damaged, or ends too early; its text names the packing."""


@dataclass(frozen=True, slots=True)
class _Packing:
    """One way of packing.

    Attributes:
        name: What people call it.
        magic: How such a file begins.
        opened: Returns what a packed file holds.
    """

    name: str
    magic: bytes
    opened: Callable[[io.BufferedReader], io.BufferedIOBase]


_PACKINGS = (
    _Packing("gzip", b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    _Packing("bzip2", b"BZh", bz2.BZ2File),
    _Packing("xz", b"\xfd7zXZ\0", lzma.LZMAFile),
    _Packing("zstd", b"\x28\xb5\x2f\xfd", zstd.ZstdFile),
)

_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError)


def unpacked(raw: io.RawIOBase) -> io.BufferedReader:
    """Return what a file holds: its own bytes if it is not packed.

    Reading raises `BrokenPacking` where packed data cannot be understood.
    """
    file: io.BufferedReader = io.BufferedReader(raw, _BUFFER_BYTES)
    head = file.peek(LONGEST_MAGIC)
    for packing in _PACKINGS:
        if head.startswith(packing.magic):
            return io.BufferedReader(_Unpacking(packing, file), _BUFFER_BYTES)
    return file


LONGEST_MAGIC = max(len(packing.magic) for packing in _PACKINGS)
"""So many bytes of a file tell whether it is packed."""


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is packed, or an archive."""
    return head.startswith((*(packing.magic for packing in _PACKINGS), ZIP_MAGIC))


class _Unpacking(io.RawIOBase):
    """A packed file; its unpacker's many ways to fail are one."""

    def __init__(self, packing: _Packing, file: io.BufferedReader) -> None:
        self._name = packing.name
        self._content = packing.opened(file)
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            # What comes before a damage is still told: the line counts.
            data = self._content.read1(len(view))
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise BrokenPacking(self._name) from error
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._content.close()
        self._file.close()
        super().close()
