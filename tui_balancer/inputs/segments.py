"""Where a large file is cut: into stretches of whole records, each read by seeking to it.

The records that begin within the same `segment_bytes` of a file are a segment. Batches hold
sequences of one segment, on any device, so that a device needs no other bytes than those
of the segments that it was given, and vectors do not depend on how these are shared out.
"""

from __future__ import annotations

import hashlib
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, TypeVar

from tui_balancer.inputs.unpacking import HEAD_BYTES, is_packed

SEGMENT_BYTES = 16 << 20
"""Some hundred batches: that the last batch of a segment is not full costs nothing, and what one
segment takes in memory is little."""

_Part = TypeVar("_Part")

_HEADER = re.compile(rb"[\r\n]>")
_BEFORE_HEADER = b"\r\n" + BOM_UTF8
_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a file that begins with a record, or with the file, and ends before another.

    Attributes:
        begin: Its first byte.
        end: The byte after its last one.
        before: Records of the file before it, the empty ones too.
    """

    begin: int
    end: int
    before: int = 0

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.end - self.begin


def segments(path: Path, segment_bytes: int, within: Stretch | None = None) -> tuple[Stretch, ...]:
    """Return the segments of a file, in order; none of one that has a single one.

    What is packed, or a pipe, has none either: it cannot be read from the middle.

    Args:
        segment_bytes: Of a segment; the last record that begins in it may end behind it.
        within: The stretch of which they are wanted, which begins and ends with segments. Only its
            bytes are read.

    Raises:
        OSError: The file cannot be read.
    """
    cuts = bounds(path, segment_bytes, within)
    if not cuts:
        # A pipe, too: to open it would be to wait for a writer.
        return ()
    found = []
    before = within.before if within is not None else 0
    with path.open("rb") as file:
        for begin, end in pairwise(cuts):
            found.append(Stretch(begin, end, before))
            before += _headers(file, begin, end)
    return tuple(found)


def bounds(path: Path, segment_bytes: int, within: Stretch | None = None) -> tuple[int, ...]:
    """Return where a file's segments begin, and where the last one ends; see `segments`.

    Raises:
        OSError: The file cannot be read.
    """
    status = path.stat()
    if status.st_size <= segment_bytes or not S_ISREG(status.st_mode):
        return ()
    with path.open("rb") as file:
        if is_packed(file.read(HEAD_BYTES)):
            return ()
        found = tuple(_bounds(file, within or Stretch(0, status.st_size), segment_bytes))
    return found if len(found) > 2 or within is not None else ()


def grouped(parts: Sequence[_Part], size: int, segment_bytes: int) -> tuple[Sequence[_Part], ...]:
    """Return what belongs to a file's segments in groups that hold about so many bytes.

    Args:
        parts: One for each segment.
        size: Bytes; as much as one segment in any case.
    """
    count = max(1, ceil(size / segment_bytes))
    return tuple(parts[start : start + count] for start in range(0, len(parts), count))


def joint(neighbours: Sequence[Stretch]) -> Stretch:
    """Return the stretch that neighbouring ones make up."""
    return Stretch(neighbours[0].begin, neighbours[-1].end, neighbours[0].before)


def joint_sha256(digests: Iterable[str]) -> str:
    """Return what tells a stretch from others of the kind: a SHA-256 over those of its segments.

    Args:
        digests: SHA-256 of each segment's bytes, in order.
    """
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _bounds(file: BinaryIO, whole: Stretch, segment_bytes: int) -> Iterator[int]:
    """Yield where segments begin, and where the last one ends."""
    yield whole.begin
    place = (whole.begin // segment_bytes + 1) * segment_bytes
    while place < whole.end:
        begin = _next_header(file, place, whole.end)
        if begin >= whole.end:
            break
        yield begin
        # A record that spans whole segments leaves these empty.
        place = (begin // segment_bytes + 1) * segment_bytes
    yield whole.end


def _next_header(file: BinaryIO, place: int, end: int) -> int:
    """Return where the first record begins at a place or after it; `end` if none does."""
    # The byte before tells whether a line begins at the place.
    start = place - 1
    while start < end:
        file.seek(start)
        block = file.read(min(_BLOCK_BYTES, end - start))
        if found := _HEADER.search(block):
            return start + found.start() + 1
        if len(block) < 2:
            break
        start += len(block) - 1
    return end


def _headers(file: BinaryIO, begin: int, end: int) -> int:
    """Return how many records begin in a stretch."""
    # What may belong to the start of a line: the file begins with one, and so do stretches.
    count, held = 0, b"\n"
    file.seek(begin)
    while begin < end and (block := file.read(min(_BLOCK_BYTES, end - begin))):
        begin += len(block)
        text = held + block
        held = text[len(text.rstrip(_BEFORE_HEADER)) :]
        text = text[: len(text) - len(held)]
        if BOM_UTF8[:1] in text:
            text = text.replace(BOM_UTF8, b"")
        count += text.count(b"\n>") + (text.count(b"\r>") if b"\r" in text else 0)
    return count
