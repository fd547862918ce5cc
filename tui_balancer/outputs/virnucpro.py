"""The layout VirNucPro's tools read: ids and vectors side by side, in input order.

Only workers import this module: it needs torch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tui_balancer.outputs.provenance import MetadataValue

_HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is safe on the disk.

    Attributes:
        sha256: Of its bytes, as read back.
        bytes: Their number.
    """

    sha256: str
    bytes: int


def write(
    path: Path,
    ids: Sequence[str],
    vectors: torch.Tensor,
    metadata: Mapping[str, MetadataValue],
) -> Written:
    """Write `{'proteins': [id…], 'data': [vector…], 'metadata': {…}}` and sync it.

    The bytes are a function of the arguments, whatever the file is called. The vectors are
    stored as views of one block, which loads with `weights_only=True` and needs one record
    in the file instead of one a protein.

    Args:
        path: Where to write; what is there is overwritten.
        ids: The proteins, N of them.
        vectors: float32 on the CPU, of shape (N, width), a row a protein.
        metadata: What `provenance.provenance` returns.

    Raises:
        OSError: The file cannot be written, e.g. because the disk is full.
    """
    if vectors.dtype != torch.float32 or vectors.ndim != 2 or len(vectors) != len(ids):
        raise ValueError(f"{len(ids)} ids, but vectors {vectors.dtype} {tuple(vectors.shape)}")
    # A fresh block: a view of a larger one would drag all of it into the file.
    rows = list(vectors.detach().clone(memory_format=torch.contiguous_format).unbind(0))
    content = {"proteins": list(ids), "data": rows, "metadata": dict(metadata)}
    with path.open("wb") as file:
        # Given a name instead of a file, torch writes the name into every record.
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return Written(digest.hexdigest(), path.stat().st_size)
