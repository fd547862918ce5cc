"""NumPy's archive: all vectors as one matrix, their ids beside it, and no pickles.

    with np.load(path, allow_pickle=False) as file:
        matrix, ids = file["embeddings"], file["ids"]

`metadata` is JSON, `str(file["metadata"])`. Streams: one block of vectors is in memory at a time.
Ids take the room of the longest one, so a single very long one costs it for all.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from tui_balancer.outputs.content import BLOCK_ROWS, Block, Content, Stored, reading
from tui_balancer.outputs.sealing import Written, seal

_FLOAT = np.dtype("<f4")
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The first that a zip can name: nothing in an output depends on when it was made."""


def write(path: Path, content: Content) -> Written:
    """Write `embeddings` of shape (N, width), `ids` and `metadata`; see `formats.Writer`."""
    ids = [entry.id for entry in content.entries]
    text = np.dtype(f"<U{max(map(len, ids), default=1)}")
    metadata = np.array(json.dumps(dict(content.metadata)))
    with zipfile.ZipFile(path, "w") as archive:
        shape = (len(ids), content.width)
        _add(archive, "embeddings", _FLOAT, shape, content.counted_blocks())
        chunks = (ids[start : start + BLOCK_ROWS] for start in range(0, len(ids), BLOCK_ROWS))
        _add(archive, "ids", text, (len(ids),), (np.array(chunk, text) for chunk in chunks))
        _add(archive, "metadata", metadata.dtype, (), [metadata])
    return seal(path)


def read(path: Path) -> Stored:
    """Open an output; see `formats.Reader`."""
    with reading(path), np.load(path, allow_pickle=False) as archive:
        ids = [str(id) for id in archive["ids"]]
        metadata = json.loads(str(archive["metadata"])) if "metadata" in archive else {}
    with reading(path), zipfile.ZipFile(path) as container:
        with container.open("embeddings.npy") as member:
            shape = _shape(cast(BinaryIO, member))
        if shape[0] != len(ids):
            raise ValueError(f"{len(ids)} ids, but {shape[0]} vectors")

    def blocks() -> Iterator[Block]:
        with (
            reading(path),
            zipfile.ZipFile(path) as container,
            container.open("embeddings.npy") as member,
        ):
            _shape(cast(BinaryIO, member))
            size = BLOCK_ROWS * shape[1] * _FLOAT.itemsize
            while data := member.read(size):
                yield np.frombuffer(data, _FLOAT).reshape(-1, shape[1])

    return Stored(ids, shape[1], blocks, metadata)


def _add(
    archive: zipfile.ZipFile,
    name: str,
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    blocks: Iterable[npt.NDArray[np.generic]],
) -> None:
    """Add an array to an archive, block by block."""
    info = zipfile.ZipInfo(f"{name}.npy", _MOMENT)
    info.create_system = 3
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with archive.open(info, "w", force_zip64=True) as member:
        npy.write_array_header_2_0(member, header)
        for block in blocks:
            member.write(np.ascontiguousarray(block, dtype).tobytes())


def _shape(member: BinaryIO) -> tuple[int, int]:
    """Read the header of a matrix of float32; what follows is its rows."""
    version = npy.read_magic(member)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = header(member)
    if len(shape) != 2 or fortran_order or dtype != _FLOAT:
        raise ValueError(f"embeddings is no matrix of float32: {dtype} {shape}")
    return shape[0], shape[1]
