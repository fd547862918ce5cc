"""A folder with a `.pt` for each sequence, as fair-esm's `extract.py` writes them.

    torch.load(path)["mean_representations"][layer]

and likewise `bos_representations`, `representations` (every residue) and `contacts`, as they were
asked for.
Folders of `SHARD_FILES` files hold them in input order, `00000/LABEL.pt`; a label that is no file
name is changed. `index.tsv` tells which id is where, `metadata.json` how it was all made, and
`SHA256SUMS` covers both, as `sha256sum --check` reads it. Streams: what is kept of one sequence is
in memory at a time. Needs torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tui_balancer.outputs.atomic import remove
from tui_balancer.outputs.checking import SUMS_NAME
from tui_balancer.outputs.content import Content, Entry, Row, Stored, as_row, kept_in, reading
from tui_balancer.outputs.layout import comparable, digest, safe_name
from tui_balancer.outputs.sealing import Written, measure
from tui_balancer.outputs.tsv import read_rows, write_row
from tui_balancer.representations import KINDS, Representations

SHARD_FILES = 1000
INDEX_NAME = "index.tsv"
METADATA_NAME = "metadata.json"


def write(path: Path, content: Content) -> Written:
    """Write the folder; see `formats.Writer`."""
    remove(path)
    path.mkdir()
    names = [INDEX_NAME, METADATA_NAME]
    with (path / INDEX_NAME).open("w", encoding="utf-8", newline="") as file:
        write_row(file, ("id", "file"))
        taken: set[str] = set()
        for number, (entry, row) in enumerate(content.rows()):
            shard = f"{number // SHARD_FILES:05d}"
            if number % SHARD_FILES == 0:
                (path / shard).mkdir()
                taken.clear()
            name = f"{shard}/{_file_name(entry, taken)}"
            with (path / name).open("wb") as output:
                torch.save(_result(content.kept, entry, row), output)
            write_row(file, (entry.id, name))
            names.append(name)
    (path / METADATA_NAME).write_text(json.dumps(dict(content.metadata), indent=1) + "\n")
    return _measured(path, names)


def read(path: Path) -> Stored:
    """Open a folder, or a single file of one; see `formats.Reader`."""
    if path.is_file():
        with reading(path):
            result = _loaded(path)
            kept, row = _kept(result), _row(result)
        return Stored([str(result["label"])], kept, lambda: [row], {})
    with reading(path), (path / INDEX_NAME).open(encoding="utf-8", newline="") as file:
        rows = list(read_rows(file))
        ids, names = [row["id"] for row in rows], [row["file"] for row in rows]
        metadata: dict[str, Any] = json.loads((path / METADATA_NAME).read_text())
        kept = _kept(_loaded(path / names[0])) if names else kept_in(metadata, 0)

    def vectors() -> Iterator[Row]:
        with reading(path):
            for name in names:
                yield _row(_loaded(path / name))

    return Stored(ids, kept, vectors, metadata)


def _result(kept: Representations, entry: Entry, row: Row) -> dict[str, Any]:
    """Return what the file of a sequence holds."""
    result: dict[str, Any] = {"label": entry.header}
    for part in kept.parts(entry.used_length):
        # A copy: a view would write the whole row to the file.
        tensor = torch.from_numpy(row[part.numbers].reshape(part.shape).copy())
        if part.kind.source == "attention":
            result[part.kind.key] = tensor
        else:
            result.setdefault(part.kind.key, {})[part.layer] = tensor
    return result


def _kept(result: dict[str, Any]) -> Representations:
    """Return what a sequence's file holds."""
    kinds = tuple(kind for kind in KINDS.values() if kind.key in result)
    by_layer: dict[int, torch.Tensor] = {}
    for kind in kinds:
        if kind.source == "states":
            by_layer = result[kind.key]
    width = next((int(one.shape[-1]) for one in by_layer.values()), 0)
    return Representations(tuple(sorted(by_layer)) or (0,), kinds, width)


def _row(result: dict[str, Any]) -> Row:
    """Return what a sequence's file holds as a row."""
    parts: list[torch.Tensor] = []
    for kind in KINDS.values():
        found = result.get(kind.key, {})
        layers = {0: found} if isinstance(found, torch.Tensor) else found
        parts += [layers[layer].float() for layer in sorted(layers)]
    return as_row(part.numpy() for part in parts)


def _loaded(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return content


def _file_name(entry: Entry, taken: set[str]) -> str:
    """Return the name of a sequence's file, which no other one of its folder has."""
    base = name = safe_name(entry.header)
    mark = entry.id
    while comparable(name) in taken:
        mark = digest(mark)
        name = f"{base}-{mark}"
    taken.add(comparable(name))
    return f"{name}.pt"


def _measured(path: Path, names: list[str]) -> Written:
    size = 0
    with (path / SUMS_NAME).open("w", encoding="utf-8") as sums:
        for name in names:
            written = measure(path / name)
            size += written.bytes
            sums.write(f"{written.sha256}  {name}\n")
    written = measure(path / SUMS_NAME)
    return Written(written.sha256, size + written.bytes)
