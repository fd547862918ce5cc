"""The layouts VirNucPro's tools read: ids and vectors side by side, in input order.

Of proteins it is what its `extract_esm` writes, of nucleotides what its `extract_DNABERT_S` does,
with tensors in place of lists of numbers: half as large, and read at once. Its `merge_data` makes
tensors of either.

Does not stream: all of its vectors are in memory. Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tui_balancer.alphabets import NUCLEOTIDE
from tui_balancer.outputs.content import Content, Row, Stored, kept_in, reading
from tui_balancer.outputs.sealing import MeasuredFile, Written
from tui_balancer.outputs.torch_archive import VectorOf, save

_PROTEINS, _NUCLEOTIDE, _MEAN = "proteins", "nucleotide", "mean_representation"


def write(path: Path, content: Content) -> Written:
    """Write ids, vectors and metadata; see `formats.Writer`.

    `{'proteins': [id…], 'data': [vector…], 'metadata': {…}}`, or of a model that reads nucleotides
    `{'nucleotide': [id…], 'data': [{'label': id, 'mean_representation': vector}…], …}`.

    The vectors are stored as views of one block, which loads with `weights_only=True` and needs
    one record in the file instead of one a protein.
    """
    matrix = np.empty((len(content.entries), content.kept.width), dtype=np.float32)
    for place, (_, row) in zip(matrix, content.rows(), strict=True):
        place[:] = row
    ids = [entry.id for entry in content.entries]
    vectors = [VectorOf(row) for row in range(len(matrix))]
    data: dict[str, object]
    if content.metadata.get("alphabet") == NUCLEOTIDE.name:
        rows = zip(ids, vectors, strict=True)
        data = {
            _NUCLEOTIDE: ids,
            "data": [{"label": id, _MEAN: vector} for id, vector in rows],
        }
    else:
        data = {_PROTEINS: ids, "data": vectors}
    data["metadata"] = dict(content.metadata)
    with MeasuredFile(path) as file:
        save(data, matrix, file)
    return file.written


def read(path: Path) -> Stored:
    """Open an output, its vectors mapped from the file; see `formats.Reader`."""
    with reading(path):
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        rows = content["data"]
        if _NUCLEOTIDE in content:
            ids = content[_NUCLEOTIDE]
            # VirNucPro's own files have lists of numbers.
            data = [torch.as_tensor(row[_MEAN]) for row in rows]
        else:
            ids, data = content[_PROTEINS], rows
        ids = list(map(str, ids))
        if len(ids) != len(data) or any(vector.shape != data[0].shape for vector in data):
            raise ValueError(f"{len(ids)} ids, but {len(data)} vectors, or of several lengths")
        width = len(data[0]) if data else 0

    def vectors() -> Iterator[Row]:
        return (vector.float().numpy() for vector in data)

    metadata = content.get("metadata", {})
    return Stored(ids, kept_in(metadata, width), vectors, metadata)
