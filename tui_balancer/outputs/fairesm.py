"""A folder with a `.pt` for each sequence, as fair-esm's `extract.py` writes them.

    torch.load(path)["mean_representations"][layer]

Folders of `SHARD_FILES` files hold them in input order, `00000/LABEL.pt`; a label that is no file
name is changed. `index.tsv` tells which id is where, `metadata.json` how it was all made, and
`SHA256SUMS` covers both, as `sha256sum --check` reads it. Streams: one vector is in memory at a
time. Needs torch.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from tui_balancer.outputs.atomic import remove, sync_folder
from tui_balancer.outputs.checking import SUMS_NAME
from tui_balancer.outputs.content import Block, Content, Entry, Stored, gathered, reading
from tui_balancer.outputs.layout import comparable, digest, safe_name
from tui_balancer.outputs.sealing import Written, seal

SHARD_FILES = 1000
INDEX_NAME = "index.tsv"
METADATA_NAME = "metadata.json"

_SYNCING_THREADS = 16
"""Many small files are synced together: a disk writes several in the time of one."""

_MEAN = "mean_representations"


def write(path: Path, content: Content) -> Written:
    """Write the folder; see `formats.Writer`."""
    remove(path)
    path.mkdir()
    layer = content.metadata["layer"]
    names = [INDEX_NAME, METADATA_NAME]
    with (path / INDEX_NAME).open("w", encoding="utf-8", newline="") as file:
        index = csv.writer(file, delimiter="\t", lineterminator="\n")
        index.writerow(("id", "file"))
        taken: set[str] = set()
        for number, (entry, vector) in enumerate(content.rows()):
            shard = f"{number // SHARD_FILES:05d}"
            if number % SHARD_FILES == 0:
                (path / shard).mkdir()
                taken.clear()
            name = f"{shard}/{_file_name(entry, taken)}"
            result = {
                "label": entry.header,
                _MEAN: {layer: torch.from_numpy(vector.copy())},
            }
            with (path / name).open("wb") as output:
                torch.save(result, output)
            index.writerow((entry.id, name))
            names.append(name)
    (path / METADATA_NAME).write_text(json.dumps(dict(content.metadata), indent=1) + "\n")
    return _sealed(path, names)


def read(path: Path) -> Stored:
    """Open a folder, or a single file of one; see `formats.Reader`."""
    if path.is_file():
        with reading(path):
            label, vector = str(_loaded(path)["label"]), _vector(path)
        return Stored([label], len(vector), lambda: [vector[None]], {})
    with reading(path), (path / INDEX_NAME).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
        ids, names = [row["id"] for row in rows], [row["file"] for row in rows]
        metadata: dict[str, Any] = json.loads((path / METADATA_NAME).read_text())
        width = len(_vector(path / names[0])) if names else 0

    def blocks() -> Iterator[Block]:
        with reading(path):
            yield from gathered(_vector(path / name) for name in names)

    return Stored(ids, width, blocks, metadata)


def _vector(path: Path) -> Block:
    (vector,) = _loaded(path)[_MEAN].values()
    found: Block = vector.float().numpy()
    return found


def _loaded(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return content


def _file_name(entry: Entry, taken: set[str]) -> str:
    """Return the name of a sequence's file, which no other one of its folder has."""
    name = safe_name(entry.header)
    if comparable(name) in taken:
        name = f"{name}-{digest(entry.id)}"
    taken.add(comparable(name))
    return f"{name}.pt"


def _sealed(path: Path, names: list[str]) -> Written:
    """Sync everything, after all of it was written: disks are faster then."""
    size = 0
    paths = [path / name for name in names]
    with (
        (path / SUMS_NAME).open("w", encoding="utf-8") as sums,
        ThreadPoolExecutor(_SYNCING_THREADS) as threads,
    ):
        for name, written in zip(names, threads.map(seal, paths), strict=True):
            size += written.bytes
            sums.write(f"{written.sha256}  {name}\n")
    written = seal(path / SUMS_NAME)
    for shard in sorted({os.path.dirname(name) for name in names}):  # noqa: PTH120
        sync_folder(path / shard)
    return Written(written.sha256, size + written.bytes)
