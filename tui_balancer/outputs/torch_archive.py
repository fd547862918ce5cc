"""Writes the archive that `torch.save` writes, for tensors that are the rows of one matrix.

A zip archive of records that are not packed. `data.pkl` is the pickled object; a tensor in it
refers to its place in `data/0`, the numbers. Each record begins at a multiple of 64 bytes, so that
`torch.load` can map the file. For a tiny file `torch.save` takes several times as long. The bytes
are a function of the content alone, in every version of torch.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch._utils import _rebuild_tensor_v2

_ALIGNMENT: Final = 64
_LIMIT: Final = 0xFFFF_FFFF
"""Sizes and offsets from here on stand in fields of 64 bits."""

_ELSEWHERE: Final = 0xFFFF_FFFF
"""Says in a field of 32 bits that a field of 64 bits has the number."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
_LARGE_PLACE = struct.Struct("<4sLQL")
_EXTRA = struct.Struct("<2H")

_LARGE_FIELD, _PADDING_FIELD = 1, 0x4246
_PLAIN, _NEEDS_LARGE = 20, 45
"""Versions of the zip format."""

_FIRST_DAY = 0x21
"""1 January 1980: every record is of the first moment that zip knows."""


class Sink(Protocol):
    """Where an archive is written, from its beginning."""

    def write(self, data: Any) -> object:
        """Write all bytes."""


@dataclass(frozen=True, slots=True)
class VectorOf:
    """Stands for a tensor in an object that is saved: a row of the matrix."""

    row: int


def save(content: Mapping[str, object], matrix: npt.NDArray[np.float32], file: Sink) -> None:
    """Write an object so that `torch.load(…, weights_only=True)` returns it.

    Args:
        content: Made of what JSON knows, and of `VectorOf`s.
        matrix: Shape (N, width), in C order.
        file: Where to write it.

    Raises:
        OSError: The file cannot be written.
    """
    pickled = io.BytesIO()
    _Pickler(pickled, *matrix.shape).dump(content)
    archive = _Archive(file)
    archive.add("data.pkl", pickled.getbuffer())
    archive.add("byteorder", sys.byteorder.encode())
    archive.add("data/0", matrix.data.cast("B") if matrix.size else b"")
    archive.add("version", b"3\n")
    archive.finish()


class _Storage:
    """Stands for the numbers of the matrix."""


class _Pickler(pickle.Pickler):
    """Pickles rows as torch pickles tensors."""

    def __init__(self, file: io.BytesIO, rows: int, width: int) -> None:
        super().__init__(file, protocol=2)
        self._width, self._stride = width, 1
        self._storage = _Storage()
        self._size = rows * width

    def persistent_id(self, obj: object) -> Any:
        """Return the place of the numbers in the archive."""
        if obj is not self._storage:
            return None
        return ("storage", torch.FloatStorage, "0", "cpu", self._size)

    def reducer_override(self, obj: object) -> Any:
        """Return how a row is made a tensor again."""
        if not isinstance(obj, VectorOf):
            return NotImplemented
        shape, strides = (self._width,), (self._stride,)
        hooks: OrderedDict[int, object] = OrderedDict()
        offset = obj.row * self._width
        return _rebuild_tensor_v2, (self._storage, offset, shape, strides, False, hooks)


class _Archive:
    """A zip archive of stored records, written in one go."""

    def __init__(self, file: Sink) -> None:
        self._file = file
        self._end = 0
        self._directory: list[bytes] = []

    def add(self, name: str, data: Any) -> None:
        """Add a record."""
        path, size, offset = f"archive/{name}".encode(), len(data), self._end
        large = max(size, offset) >= _LIMIT
        version, sizes = (_NEEDS_LARGE, _ELSEWHERE) if large else (_PLAIN, size)
        head = (version, 0, 0, 0, _FIRST_DAY, zlib.crc32(data), sizes, sizes, len(path))
        extra = _EXTRA.pack(_LARGE_FIELD, 16) + struct.pack("<2Q", size, size) if large else b""
        before = offset + _LOCAL.size + len(path) + len(extra) + _EXTRA.size
        padding = -before % _ALIGNMENT
        padded = extra + _EXTRA.pack(_PADDING_FIELD, padding) + bytes(padding)
        self._write(_LOCAL.pack(b"PK\3\4", *head, len(padded)) + path + padded)
        self._write(data)
        if large:
            extra = _EXTRA.pack(_LARGE_FIELD, 24) + struct.pack("<3Q", size, size, offset)
        place = (len(extra), 0, 0, 0, 0, _ELSEWHERE if large else offset)
        self._directory.append(_CENTRAL.pack(b"PK\1\2", version, *head, *place) + path + extra)

    def finish(self) -> None:
        """Write the directory."""
        start, count = self._end, len(self._directory)
        self._write(b"".join(self._directory))
        size, end = self._end - start, self._end
        large = start >= _LIMIT
        if large:
            versions = (_NEEDS_LARGE, _NEEDS_LARGE)
            counts = (0, 0, count, count)
            self._write(
                _LARGE_END.pack(b"PK\6\6", _LARGE_END.size - 12, *versions, *counts, size, start)
                + _LARGE_PLACE.pack(b"PK\6\7", 0, end, 1)
            )
        self._write(
            _END.pack(b"PK\5\6", 0, 0, count, count, size, _ELSEWHERE if large else start, 0)
        )

    def _write(self, data: Any) -> None:
        self._file.write(data)
        self._end += len(data)
