"""Packed files, known by their first bytes and read as what they hold.

A packed file is one stream or several, one after the other: gzip members, bzip2 and xz streams,
zstd frames. All of them are read, by one loop: a stream that is damaged, a file that ends within
one, and bytes after the last one are errors, whatever the packing.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from tui_balancer.failures import FailureCause, FileError

SUFFIXES = frozenset({".gz", ".bz2", ".xz", ".zst"})
"""That may follow the suffix of what is packed; the content decides, not they."""

HEAD_BYTES = 512
"""So many bytes tell what a file is; of a tar archive, its first header."""

BLOCK_BYTES = 1 << 18
"""Read, or unpacked, at once."""


class Readable(Protocol):
    """A raw file."""

    def read(self, size: int, /) -> bytes | None:
        """Return some bytes, at most `size`; none at the end."""


class UnreadableContent(FileError):
    """Content that is no text to read: one line that says what it is, or what to do."""


class BrokenPacking(UnreadableContent):
    """Packed data that is damaged or ends too early, or that memory is too small for."""


class _Stream(Protocol):
    """The decompressor of one stream, as the standard library has them."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflater:
    """zlib's decompressor of one gzip member, with the methods of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


@dataclass(frozen=True, slots=True)
class _Packing:
    """One way of packing.

    Attributes:
        magics: How a stream may begin.
        stream: Returns the decompressor of one stream.
        padding: Zero bytes may follow a stream, in multiples of this; 0 if none may.
    """

    name: str
    magics: tuple[bytes, ...]
    stream: Callable[[], _Stream]
    padding: int


_LONGEST_WINDOW = zstd.DecompressionParameter.window_log_max.bounds()[1]
"""After `zstd --long=31`, 2 GiB of memory, of which a file touches no more than it holds."""

_SKIPPABLE = tuple(bytes((0x50 + number, 0x2A, 0x4D, 0x18)) for number in range(16))
"""How a zstd frame begins that holds something else than data."""

_PACKINGS = (
    _Packing("gzip", (b"\x1f\x8b",), _Inflater, padding=1),
    _Packing("bzip2", (b"BZh",), bz2.BZ2Decompressor, padding=1),
    _Packing("xz", (b"\xfd7zXZ\0",), partial(lzma.LZMADecompressor, lzma.FORMAT_XZ), padding=4),
    _Packing(
        "zstd",
        (b"\x28\xb5\x2f\xfd", *_SKIPPABLE),
        partial(
            zstd.ZstdDecompressor,
            options={int(zstd.DecompressionParameter.window_log_max): _LONGEST_WINDOW},
        ),
        padding=0,
    ),
)

_BROKEN = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, zstd.ZstdError)

_ARCHIVES = (
    ("a zip archive", 0, (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")),
    ("a tar archive", 257, (b"ustar\0", b"ustar  \0")),
    ("a 7z archive", 0, (b"7z\xbc\xaf\x27\x1c",)),
    ("a rar archive", 0, (b"Rar!\x1a\x07",)),
    ("a compress (.Z) file", 0, (b"\x1f\x9d",)),
    ("a .lzma file", 0, (b"\x5d\0\0",)),
    ("an lz4 file", 0, (b"\x04\x22\x4d\x18",)),
    ("a lzip file", 0, (b"LZIP",)),
)
"""What other programs have to unpack: name, and where its magic stands."""

_BGZF = b"BC\x02\x00"
"""In the header of every gzip member that bgzip writes, from `_BGZF_AT` on."""

_BGZF_AT = 12


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is packed, or an archive."""
    return bool(_packing(head) or archive(head))


def archive(head: bytes) -> str:
    """Return what archive begins so, e.g. `a zip archive`; empty if none does."""
    return next((name for name, at, magics in _ARCHIVES if head.startswith(magics, at)), "")


def unpacked(raw: Readable) -> Iterator[bytes]:
    """Yield what a file holds: its own bytes if it is not packed.

    The first block has `HEAD_BYTES` at least, unless there are less.

    Raises:
        BrokenPacking: Packed data cannot be understood; what comes before it was yielded.
        UnreadableContent: It is an archive, or packed twice.
        OSError: The file cannot be read.
    """
    head, content = _with_head(iter(lambda: raw.read(BLOCK_BYTES) or b"", b""))
    outer = _packing(head)
    if outer:
        head, content = _with_head(_unpack(outer, content))
    if (inner := _packing(head)) and outer:
        raise UnreadableContent(
            f"a {inner.name} file inside a {outer.name} file: unpack it once", FailureCause.ARCHIVE
        )
    if name := archive(head):
        packed = f" packed with {outer.name}" if outer else ""
        raise UnreadableContent(f"{name}{packed}: unpack it first", FailureCause.ARCHIVE)
    return content


def _packing(head: bytes) -> _Packing | None:
    return next((packing for packing in _PACKINGS if head.startswith(packing.magics)), None)


def _with_head(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the beginning, and everything, in blocks of which the first is that beginning.

    Damage that follows closely is left to who reads on.
    """
    head = b""
    try:
        while len(head) < HEAD_BYTES and (block := next(blocks, b"")):
            head += block
    except BrokenPacking as error:
        blocks = _raising(error)
    return head, chain((head,) if head else (), blocks)


def _raising(error: Exception) -> Iterator[bytes]:
    raise error
    yield b""


def _unpack(packing: _Packing, packed: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what the streams of a packed file hold."""
    name = packing.name
    data = next(packed)
    unended = False
    while data:
        if len(data) < HEAD_BYTES:
            data += next(packed, b"")
        if not data.startswith(packing.magics):
            raise BrokenPacking(
                f"the {name} data ends here and something else follows: remove that, or copy or "
                "download the file again",
                FailureCause.DAMAGED,
            )
        bgzf = packing.stream is _Inflater and data.startswith(_BGZF, _BGZF_AT)
        empty = True
        stream = packing.stream()
        while not stream.eof:
            if not data and stream.needs_input and not (data := next(packed, b"")):
                raise _broken(f"the {name} data is cut short here")
            try:
                block = stream.decompress(data, BLOCK_BYTES)
            except MemoryError as error:
                raise _too_large(name) from error
            except _BROKEN as error:
                # Nothing but its words tells libzstd's want of memory from damage.
                too_large = "not enough memory" in str(error)
                raise _too_large(name) if too_large else _damaged(name) from error
            data = b""
            if block:
                empty = False
                yield block
        unended = bgzf and not empty
        data = _after_padding(packing, stream.unused_data, packed)
    if unended:
        raise _broken("the gzip data is cut short here, for bgzip's last block is missing")


def _after_padding(packing: _Packing, data: bytes, packed: Iterator[bytes]) -> bytes:
    """Return what follows a stream and the padding that it may have."""
    zeros = 0
    while True:
        rest = data.lstrip(b"\0")
        zeros += len(data) - len(rest)
        if rest or not (data := next(packed, b"")):
            break
    if zeros and (not packing.padding or zeros % packing.padding):
        raise _damaged(packing.name)
    return rest


def _damaged(name: str) -> BrokenPacking:
    return _broken(f"the {name} data is damaged here")


def _broken(what: str) -> BrokenPacking:
    return BrokenPacking(f"{what}: copy or download the file again", FailureCause.DAMAGED)


def _too_large(name: str) -> BrokenPacking:
    return BrokenPacking(
        f"not enough memory for the {name} data: unpack the file elsewhere",
        FailureCause.OUT_OF_MEMORY,
    )
