"""NumPy's archive: all vectors as one matrix, their ids next to it, and no pickles.

    with np.load(path, allow_pickle=False) as file:
        matrix, ids = file["embeddings"], file["ids"]

Where more than one vector is kept of a sequence, each kind of each layer has its own matrix,
`mean_33` or `bos_6`; what differs in size from sequence to sequence cannot be held. `metadata` is
JSON, `str(file["metadata"])`. Streams: what is kept of one sequence is in memory at a time.
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

from tui_balancer.outputs.content import BLOCK_ROWS, Content, Row, Stored, as_row, kept_in, reading
from tui_balancer.outputs.sealing import Written, measure
from tui_balancer.representations import Part, Representations

_FLOAT = np.dtype("<f4")


def write(path: Path, content: Content) -> Written:
    """Write matrices of shape (N, width), `ids` and `metadata`; see `formats.Writer`."""
    count = len(content.entries)
    text = np.dtype(f"<U{max((len(entry.id) for entry in content.entries), default=1)}")
    metadata = np.array(json.dumps(dict(content.metadata)))
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in _matrices(content.kept):
            _add(archive, name, _FLOAT, (count, *part.shape), content.column(part))
        ids = (np.array(entry.id, text) for entry in content.entries)
        _add(archive, "ids", text, (count,), ids)
        _add(archive, "metadata", metadata.dtype, (), [metadata])
    return measure(path)


def read(path: Path) -> Stored:
    """Open an output; see `formats.Reader`."""
    with reading(path), np.load(path, allow_pickle=False) as archive:
        ids = [str(id) for id in archive["ids"]]
        metadata = json.loads(str(archive["metadata"])) if "metadata" in archive else {}
    with reading(path), zipfile.ZipFile(path) as container:
        names = [name for name, _ in _matrices(kept_in(metadata, 0))]
        widths = {_width(container, name, len(ids)) for name in names}
        if len(widths) > 1:
            raise ValueError(f"matrices of several widths: {widths}")
        kept = kept_in(metadata, widths.pop())

    def vectors() -> Iterator[Row]:
        with reading(path):
            columns = [_rows(path, name) for name in names]
            yield from columns[0] if len(columns) == 1 else map(as_row, zip(*columns, strict=True))

    return Stored(ids, kept, vectors, metadata)


def zip_member(name: str) -> zipfile.ZipInfo:
    """Return the head of a file in an archive, which does not depend on when it was made."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    return info


def _matrices(kept: Representations) -> list[tuple[str, Part]]:
    """Return the names of the matrices, and what they hold."""
    parts = list(kept.parts(0))
    return [("embeddings" if kept.plain else part.name, part) for part in parts]


def _width(container: zipfile.ZipFile, name: str, rows: int) -> int:
    """Return how many numbers a matrix has in each row."""
    with container.open(f"{name}.npy") as member:
        shape = _shape(cast(BinaryIO, member))
    if shape[0] != rows:
        raise ValueError(f"{rows} ids, but {shape[0]} vectors")
    return shape[1]


def _rows(path: Path, name: str) -> Iterator[Row]:
    """Yield the rows of a matrix."""
    with zipfile.ZipFile(path) as container, container.open(f"{name}.npy") as member:
        width = _shape(cast(BinaryIO, member))[1]
        while data := member.read(BLOCK_ROWS * width * _FLOAT.itemsize):
            yield from np.frombuffer(data, _FLOAT).reshape(-1, width)


def _add(
    archive: zipfile.ZipFile,
    name: str,
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    blocks: Iterable[npt.NDArray[np.generic]],
) -> None:
    """Add an array to an archive, block by block."""
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with archive.open(zip_member(f"{name}.npy"), "w", force_zip64=True) as member:
        npy.write_array_header_2_0(member, header)
        for block in blocks:
            member.write(np.ascontiguousarray(block, dtype).tobytes())


def _shape(member: BinaryIO) -> tuple[int, int]:
    """Read the header of a matrix of float32; what follows is its rows."""
    version = npy.read_magic(member)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = header(member)
    if len(shape) != 2 or fortran_order or dtype != _FLOAT:
        raise ValueError(f"not a matrix of float32: {dtype} {shape}")
    return shape[0], shape[1]
