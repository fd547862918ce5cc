"""HDF5 as UniProt publishes embeddings: a flat file with a dataset for each id.

    with h5py.File(path) as file:
        vector = file[id][:]

An id that HDF5 cannot take as a name (it has a slash) is changed, and the dataset's attribute
`original_id` has it as it was. The order is that of the input. The file's attribute `metadata`
is JSON. Streams: one vector is in memory at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tui_balancer.outputs.content import Block, Content, Stored, gathered, reading
from tui_balancer.outputs.layout import digest
from tui_balancer.outputs.sealing import ShieldedFile, Written, seal

_LAYOUT: dict[str, Any] = {"libver": "v110", "track_order": True}
"""Since HDF5 1.10, attributes may be larger than 64 KiB."""

_ORIGINAL_ID = "original_id"
_METADATA = "metadata"
_FORBIDDEN = str.maketrans({"/": "_", "\0": "_"})


def write(path: Path, content: Content) -> Written:
    """Write a dataset of shape (width,), float32, for each id; see `formats.Writer`."""
    with ShieldedFile(path, "w+") as raw, h5py.File(raw, "w", **_LAYOUT) as file:
        file.attrs[_METADATA] = json.dumps(dict(content.metadata))
        taken = {entry.id for entry in content.entries}
        for entry, vector in content.rows():
            if raw.failure is not None:
                break
            name = _name(entry.id, taken)
            dataset = file.create_dataset(name, data=vector, track_times=False)
            if name != entry.id:
                dataset.attrs[_ORIGINAL_ID] = entry.id
    raw.check()
    return seal(path)


def read(path: Path) -> Stored:
    """Open an output; see `formats.Reader`."""
    with reading(path), h5py.File(path) as file:
        names = list(file)
        ids = [str(file[name].attrs.get(_ORIGINAL_ID, name)) for name in names]
        width = int(file[names[0]].shape[0]) if names else 0
        metadata: dict[str, Any] = json.loads(file.attrs.get(_METADATA, "{}"))

    def blocks() -> Iterator[Block]:
        with reading(path), h5py.File(path) as file:
            yield from gathered(np.asarray(file[name], dtype=np.float32) for name in names)

    return Stored(ids, width, blocks, metadata)


def _name(id: str, taken: set[str]) -> str:
    """Return an id as a name that HDF5 takes, and that no other id has."""
    name = id.translate(_FORBIDDEN) if id != "." else "_"
    if name != id:
        name = f"{name}-{digest(id)}" if name in taken else name
        taken.add(name)
    return name
