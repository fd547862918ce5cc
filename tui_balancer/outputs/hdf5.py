"""HDF5 as UniProt publishes embeddings: a flat file with a dataset for each id.

    with h5py.File(path) as file:
        vector = file[id][:]

The dataset is the mean, or whatever one kind of one layer is kept instead, in its shape. Of several
there is a group for each id, with the datasets `mean_33`, `bos_33`, `per_tok_33` or `contacts`.
An id that cannot be a name in HDF5 (it has a slash) is changed, and the dataset's attribute
`original_id` holds the id itself. The order is that of the input. The file's attribute `metadata`
is JSON. Streams: what is kept of one sequence is in memory at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py

from tui_balancer.outputs.content import Content, Entry, Row, Stored, as_row, kept_in, reading
from tui_balancer.outputs.layout import digest
from tui_balancer.outputs.sealing import ShieldedFile, Written, measure
from tui_balancer.representations import Representations

_LAYOUT: dict[str, Any] = {"libver": "v110", "track_order": True}
"""Since HDF5 1.10, attributes may be larger than 64 KiB."""

_ORIGINAL_ID = "original_id"
_METADATA = "metadata"
_MARKED = re.compile(r"-[0-9a-f]{16}\Z")
"""How a name ends that was made distinct: an id that ends so gets such an end as well, and then no
id has the name of another."""


def write(path: Path, content: Content) -> Written:
    """Write a dataset or a group for each id; see `formats.Writer`."""
    with ShieldedFile(path, "w+") as raw, h5py.File(raw, "w", **_LAYOUT) as file:
        file.attrs[_METADATA] = json.dumps(dict(content.metadata))
        taken = _clashes(content.entries)
        for entry, parts in content.parts():
            if raw.failure is not None:
                break
            name = _name(entry.id, taken)
            if content.kept.single:
                (data,) = parts.values()
                place = file.create_dataset(name, data=data, track_times=False)
            else:
                place = file.create_group(name)
                for part, data in parts.items():
                    place.create_dataset(part, data=data, track_times=False)
            if name != entry.id:
                place.attrs[_ORIGINAL_ID] = entry.id
    raw.check()
    return measure(path)


def read(path: Path) -> Stored:
    """Open an output; see `formats.Reader`."""
    with reading(path), h5py.File(path) as file:
        names = list(file)
        ids = [str(file[name].attrs.get(_ORIGINAL_ID, name)) for name in names]
        metadata: dict[str, Any] = json.loads(file.attrs.get(_METADATA, "{}"))
        kept = kept_in(metadata, 0)
        if names:
            kept = kept_in(metadata, int(_datasets(kept, file[names[0]])[0].shape[-1]))

    def vectors() -> Iterator[Row]:
        with reading(path), h5py.File(path) as file:
            for name in names:
                yield as_row(data[()] for data in _datasets(kept, file[name]))

    return Stored(ids, kept, vectors, metadata)


def _datasets(kept: Representations, place: Any) -> list[Any]:
    """Return what an id has, in the order of a row."""
    return [place] if kept.single else [place[part.name] for part in kept.parts(0)]


def _changed(id: str) -> str:
    """Return an id as a name that HDF5 takes."""
    return id.replace("/", "_") if id != "." else "_"


def _clashes(entries: Iterable[Entry]) -> set[str]:
    """Return the ids that have the name of a changed one."""
    changed = {_changed(entry.id) for entry in entries if _changed(entry.id) != entry.id}
    return {entry.id for entry in entries if entry.id in changed} if changed else set()


def _name(id: str, taken: set[str]) -> str:
    """Return an id as a name that HDF5 takes, and that no other id has."""
    name = _changed(id)
    if _MARKED.search(name) or (name != id and name in taken):
        return f"{name}-{digest(id)}"
    if name != id:
        taken.add(name)
    return name
