"""The layout VirNucPro's tools read: ids and vectors side by side, in input order.

Does not stream: torch writes a file in one go, so all of its vectors are in memory. Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tui_balancer.outputs.content import Content, Row, Stored, kept_in, reading
from tui_balancer.outputs.sealing import ShieldedFile, Written, seal


def write(path: Path, content: Content) -> Written:
    """Write `{'proteins': [id…], 'data': [vector…], 'metadata': {…}}`; see `formats.Writer`.

    The vectors are stored as views of one block, which loads with `weights_only=True` and needs
    one record in the file instead of one a protein.
    """
    # A fresh block: a view of a larger one would drag all of it into the file.
    matrix = np.empty((len(content.entries), content.kept.width), dtype=np.float32)
    for place, (_, row) in zip(matrix, content.rows(), strict=True):
        place[:] = row
    data = {
        "proteins": [entry.id for entry in content.entries],
        "data": list(torch.from_numpy(matrix).unbind(0)),
        "metadata": dict(content.metadata),
    }
    with ShieldedFile(path, "w") as file:
        # Given a name instead of a file, torch writes the name into every record.
        torch.save(data, file)
        file.check()
    return seal(path)


def read(path: Path) -> Stored:
    """Open an output, its vectors mapped from the file; see `formats.Reader`."""
    with reading(path):
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        ids, data = list(map(str, content["proteins"])), content["data"]
        if len(ids) != len(data) or any(vector.shape != data[0].shape for vector in data):
            raise ValueError(f"{len(ids)} ids, but {len(data)} vectors, or of several lengths")
        width = len(data[0]) if data else 0

    def vectors() -> Iterator[Row]:
        return (vector.float().numpy() for vector in data)

    metadata = content.get("metadata", {})
    return Stored(ids, kept_in(metadata, width), vectors, metadata)
