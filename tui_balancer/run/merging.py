"""One file for a whole run, in each of its formats, made of the finished outputs.

    OUT/merged.h5  OUT/merged.tsv  OUT/merged.json

Streams: an output after the other is read, and a sequence after the other written; what grows with
the run are 8 bytes a sequence while names are looked for that several inputs have, and what the
format itself holds. Each file appears whole or not at all. `merged.json`, the last one, tells what
they were made of: where nothing of that has changed nothing is done, so a merge that was cut off,
or a run that goes on, ends like any other. Imports torch only where an output is torch's.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_balancer.errors import UserError
from tui_balancer.ledger.lock import RunLock
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileRow, FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.atomic import publish, remove, sync_folder
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.formats import FORMATS, INDEX, FormatName, format_of, reader, writer
from tui_balancer.outputs.layout import STEM_SUFFIX, temporary_path
from tui_balancer.outputs.provenance import MetadataValue

if TYPE_CHECKING:
    from tui_balancer.outputs.content import Content, Entry, Row
    from tui_balancer.outputs.sealing import Written

MERGED_STEM = "merged"
RECORD_NAME = f"{MERGED_STEM}.json"

_OF_ONE_INPUT = ("input_name", "input_sha256", "truncated_ids", "skipped_ids", "failed_ids")
"""What the metadata of an output say of its input alone."""

OnFile = Callable[[int, int], None]
"""Hears how far it is: outputs read, outputs to read."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge.

    Attributes:
        paths: The files.
        files: Inputs in them.
        sequences: In those.
        left: Inputs of the run that have no output.
        anew: Whether they were written now, and not before.
    """

    paths: tuple[Path, ...]
    files: int
    sequences: int
    left: int
    anew: bool


def require_mergeable(formats: Sequence[FormatName]) -> None:
    """See that formats can hold a whole run in one file.

    Raises:
        UserError: One cannot.
    """
    if "esm" in formats:
        raise UserError("--merge makes one file of many, --format esm many of one: leave one out")


def merge(
    folder: Path, formats: Sequence[FormatName] | None = None, on_file: OnFile = lambda *_: None
) -> Merged:
    """Write a run's finished outputs into one file a format.

    Args:
        folder: The run folder; nobody may work in it.
        formats: What to write; None writes what the run was asked for.
        on_file: See `OnFile`.

    Raises:
        UserError: There is no run, nothing is done, outputs are not as they were written, or the
            disk is full.
    """
    lock = RunLock.acquire(folder)
    try:
        with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
            settings = ledger.run().settings
            rows = [row for row in ledger.files() if not row.file.is_shard]
        chosen = tuple(formats if formats is not None else settings["formats"])
        require_mergeable(chosen)
        return _Merge(folder, chosen, rows, on_file).made()
    except OSError as problem:
        raise UserError(f"cannot merge the outputs: {problem.strerror or problem}") from problem
    finally:
        lock.release()


def merged_flaws(folder: Path) -> list[str]:
    """Say what is wrong with the merged files of a run; nothing where there are none."""
    try:
        outputs = json.loads((folder / RECORD_NAME).read_text())["outputs"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError) as problem:
        return [f"{RECORD_NAME} cannot be read: {problem}"]
    flaws = {name: flaw(folder / name, *known) for name, known in outputs.items()}
    return [f"{name}: {reason}" for name, reason in flaws.items() if reason]


class _Merge:
    """The merge of one run."""

    def __init__(
        self, folder: Path, formats: Sequence[FormatName], rows: Sequence[FileRow], on_file: OnFile
    ) -> None:
        self._folder, self._formats, self._on_file = folder, formats, on_file
        self._done = [row for row in rows if row.state is FileState.DONE]
        self._left = len(rows) - len(self._done)

    def made(self) -> Merged:
        """Return the merged files, written now if need be."""
        if not self._done:
            raise UserError(f"{self._folder} has no finished output to merge")
        suffixes = [FORMATS[name].suffix for name in self._formats]
        paths = tuple(self._folder / f"{MERGED_STEM}{one}" for one in (*suffixes, INDEX.suffix))
        sequences = sum(row.vectors for row in self._done)
        current = self._is_current(paths)
        if not current:
            self._write(paths)
        return Merged(paths, len(self._done), sequences, self._left, anew=not current)

    def _is_current(self, paths: Sequence[Path]) -> bool:
        """Whether all files are there, as they were written, of these outputs."""
        try:
            record = json.loads((self._folder / RECORD_NAME).read_text())
            known = record["outputs"]
            return record["sources"] == self._sources() and all(
                path.name in known and not flaw(path, *known[path.name]) for path in paths
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False

    def _sources(self) -> str:
        """Return a digest of the outputs that are merged."""
        digest = hashlib.sha256()
        for row in self._done:
            digest.update(f"{row.output_sha256}  {row.file.output}\n".encode(errors="replace"))
        return digest.hexdigest()

    def _write(self, paths: Sequence[Path]) -> None:
        content = self._content()
        kinds = [*(FORMATS[name] for name in self._formats), INDEX]
        written: dict[str, Written] = {}
        for one, path in zip(kinds, paths, strict=True):
            # Swept up with other unfinished outputs if this is cut off.
            temporary = temporary_path(path.with_stem(f"{MERGED_STEM}{STEM_SUFFIX}"), 0)
            try:
                written[path.name] = writer(one).write(temporary, content)
                publish(temporary, path)
            finally:
                remove(temporary)
        outputs = {name: (one.sha256, one.bytes) for name, one in written.items()}
        record = {"sources": self._sources(), "files": len(self._done), "outputs": outputs}
        unfinished = self._folder / f"{RECORD_NAME}.tmp"
        unfinished.write_text(json.dumps(record, indent=1) + "\n")
        unfinished.replace(self._folder / RECORD_NAME)
        sync_folder(self._folder)

    def _content(self) -> Content:
        from tui_balancer.outputs.content import Content

        first = self._opened(self._done[0])
        shared = _Shared(self._folder, self._done)
        return Content(
            _Entries(shared, with_rows=True),
            first.kept,
            self._vectors,
            self._metadata(first.metadata),
            _Entries(shared, with_rows=False),
        )

    def _opened(self, row: FileRow) -> Any:
        path = self._folder / row.file.output
        if reason := flaw(path, row.output_sha256, row.output_bytes):
            raise UserError(f"{row.file.name}: {reason} ({row.file.output})")
        return reader(format_of(path)).read(path)

    def _vectors(self) -> Iterator[Row]:
        for number, row in enumerate(self._done, start=1):
            yield from self._opened(row).vectors()
            self._on_file(number, len(self._done))

    def _metadata(self, first: Mapping[str, MetadataValue]) -> dict[str, MetadataValue]:
        """Return what one output says of its making, with the counts of all."""
        own = {name: value for name, value in first.items() if name not in _OF_ONE_INPUT}
        counts: dict[str, MetadataValue] = {
            "files": len(self._done),
            "replaced": sum(row.replaced for row in self._done),
            "sequences": sum(row.vectors for row in self._done),
            "skipped": sum(row.skipped for row in self._done),
            "sources_sha256": self._sources(),
            "truncated": sum(row.truncated for row in self._done),
        }
        own.pop("split_batches", None)
        own.pop("windowed", None)
        return dict(sorted((own | counts).items()))


class _Shared:
    """The indices of all outputs, in order, with names that no two sequences have.

    An id that several inputs have gets its input's place in front: `folder/sample:P1`.
    """

    def __init__(self, folder: Path, rows: Sequence[FileRow]) -> None:
        self._folder, self._rows = folder, rows
        self._several = _repeated(array("Q", (_key(one.id) for _, one, _ in self._lines())))

    def entries(self, *, with_rows: bool) -> Iterator[Entry]:
        """Yield the sequences that have rows, or those that were left out."""
        for row, entry, checksum in self._lines():
            if bool(checksum) is with_rows:
                name = entry.id
                if _key(name) in self._several:
                    name = f"{_text(row.file.output.rpartition(STEM_SUFFIX)[0])}:{name}"
                yield replace(entry, id=name, source=_text(row.file.name))

    def _lines(self) -> Iterator[tuple[FileRow, Entry, str]]:
        from tui_balancer.outputs.index import read_index

        for row in self._rows:
            index = (self._folder / row.file.output).with_suffix(INDEX.suffix)
            for entry, checksum in read_index(index):
                yield row, entry, checksum


class _Entries(Collection["Entry"]):
    """Sequences that are read from the indices as often as they are asked for."""

    def __init__(self, shared: _Shared, *, with_rows: bool) -> None:
        self._shared, self._with_rows = shared, with_rows

    def __iter__(self) -> Iterator[Entry]:
        return self._shared.entries(with_rows=self._with_rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, entry: object) -> bool:
        return any(one == entry for one in self)


def _repeated(keys: array[int]) -> set[int]:
    """Return the keys that occur several times."""
    import numpy as np

    ordered = np.sort(np.frombuffer(keys, np.uint64)) if keys else np.empty(0, np.uint64)
    return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _text(path: str) -> str:
    """Return a path as text that every format takes: not all names are UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _key(id: str) -> int:
    return int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest(), "little")
