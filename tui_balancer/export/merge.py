"""Merges the finished outputs of a run into one file per format.

    OUT/merged.h5  OUT/merged.tsv  OUT/merged.json

Streams: an output after the other is read, and a sequence after the other written; what grows with
the run are 8 bytes a sequence while names are looked for that several inputs have, and what the
format itself holds. Each file appears whole or not at all. `merged.json`, the last one, tells what
they were made of: where nothing of that has changed nothing is done, so a merge that was cut off,
or a resumed run, ends like any other. Imports torch only where an output is torch's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_balancer.errors import UserError
from tui_balancer.export.merged_keys import MergedKeys
from tui_balancer.export.merged_record import (
    STALE,
    TEMPORARY_STEM,
    MergedModel,
    MergedRecord,
    digest_of,
    merged_models,
)
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.lock import RunLock
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileRow, FileState, RunRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.atomic import Replace, publish, remove
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.formats import FORMATS, INDEX, FormatName, format_of, reader, writer
from tui_balancer.outputs.layout import temporary_path
from tui_balancer.outputs.provenance import MetadataValue
from tui_balancer.run_folder.conflicts import refuse_conflicts
from tui_balancer.run_folder.settings_json import marks_of

if TYPE_CHECKING:
    from tui_balancer.outputs.content import Content, Entry, Row
    from tui_balancer.outputs.sealing import Written

_OF_ONE_INPUT = ("input_name", "input_sha256", "truncated_ids", "skipped_ids", "failed_ids")
"""What the metadata of an output say of its input alone."""

OnFile = Callable[[int, int], None]
"""Called with the progress: outputs read, outputs to read."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge.

    Attributes:
        left: Inputs of the run that have no output.
        written_now: Whether they were written now, and not before.
    """

    paths: tuple[Path, ...]
    files: int
    sequences: int
    left: int
    written_now: bool


def read_run(folder: Path) -> tuple[RunRecord, list[FileRow]]:
    """Return the run of a folder and its files, without shards.

    Raises:
        UserError: There is none, or its ledger cannot be read.
    """
    try:
        with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
            return ledger.run(), [row for row in ledger.files() if not row.file.is_shard]
    except LedgerError as problem:
        raise UserError(str(problem)) from problem


def require_mergeable(formats: Sequence[FormatName]) -> None:
    """Check that formats can hold a whole run in one file.

    Raises:
        UserError: One cannot.
    """
    if many := [name for name in formats if not FORMATS[name].merges]:
        raise UserError(
            f"--merge makes one file of many, --format {many[0]} many of one: leave one out"
        )


def merged_conflicts(
    folder: Path, formats: Sequence[FormatName], run: RunRecord | None, marks: Sequence[str]
) -> list[Path]:
    """Return what is at the places of a run's merged files and was not written by it.

    Args:
        folder: The run folder.
        formats: What is merged.
        run: The run; None if it is new.
        marks: Of its models.
    """
    paths: list[Path] = []
    for one in merged_models(marks):
        record = folder / one.record_name
        known = MergedRecord.read(record, run).outputs if run is not None else {}
        wanted = merged_paths(folder, formats, one.stem)
        paths += [path for path in wanted if path.name not in known]
        if not known:
            paths.append(record)
    return [path for path in paths if os.path.lexists(path)]


def merged_paths(folder: Path, formats: Sequence[FormatName], stem: str) -> tuple[Path, ...]:
    """Return where merged files of a stem belong: one a format, and the index last."""
    suffixes = (*(FORMATS[name].suffix for name in formats), INDEX.suffix)
    return tuple(folder / f"{stem}{suffix}" for suffix in suffixes)


def merge(
    folder: Path,
    formats: Sequence[FormatName] | None = None,
    on_file: OnFile = lambda *_: None,
    *,
    overwrite: bool = False,
) -> Merged:
    """Write a run's finished outputs into one file a format; of several models, into one of each.

    Args:
        folder: The run folder; no run may be live in it.
        formats: What to write; None writes what the run was asked for.
        on_file: See `OnFile`.
        overwrite: Whether files of those names are replaced that this run did not write.

    Raises:
        UserError: There is no run, nothing is done, outputs are not as they were written, other
            people's files are in the way, or the disk is full.
    """
    lock = RunLock.acquire(folder)
    try:
        run, rows = read_run(folder)
        chosen = tuple(formats if formats is not None else run.settings["outputs"]["formats"])
        require_mergeable(chosen)
        marks = marks_of(run)
        refuse_conflicts(merged_conflicts(folder, chosen, run, marks), overwrite=overwrite)
        replacing = Replace.FILES if overwrite else Replace.NOTHING
        models = [one for one in merged_models(marks, rows) if one.done]
        if not models:
            raise UserError(f"{folder} has no finished output to merge")
        made = [_Merge(folder, run, chosen, one, on_file, replacing).made() for one in models]
        return Merged(
            tuple(chain.from_iterable(one.paths for one in made)),
            sum(one.files for one in made),
            sum(one.sequences for one in made),
            sum(row.state is not FileState.DONE for row in rows),
            written_now=any(one.written_now for one in made),
        )
    except OSError as problem:
        raise UserError(f"cannot merge the outputs: {problem.strerror or problem}") from problem
    finally:
        lock.release()


class _Merge:
    """The merge of one model's outputs."""

    def __init__(
        self,
        folder: Path,
        run: RunRecord,
        formats: Sequence[FormatName],
        model: MergedModel,
        on_file: OnFile,
        replacing: Replace,
    ) -> None:
        self._folder, self._formats, self._on_file = folder, formats, on_file
        self._model, self._done = model, model.done
        self._left = len(model.rows) - len(self._done)
        self._replacing = replacing
        self._sources = digest_of(self._done)
        self._record_path = folder / model.record_name
        self._record = MergedRecord.read(self._record_path, run)

    def made(self) -> Merged:
        """Return the merged files, written now if need be."""
        paths = merged_paths(self._folder, self._formats, self._model.stem)
        sequences = sum(row.vectors for row in self._done)
        current = self._is_current(paths)
        if not current:
            self._write(paths)
        return Merged(paths, len(self._done), sequences, self._left, written_now=not current)

    def _is_current(self, paths: Sequence[Path]) -> bool:
        """Whether all files are there, as they were written, of these outputs."""
        known = self._record.outputs
        return self._record.sources == self._sources and all(
            path.name in known and not flaw(path, *known[path.name]) for path in paths
        )

    def _write(self, paths: Sequence[Path]) -> None:
        content = self._content()
        kinds = [*(FORMATS[name] for name in self._formats), INDEX]
        same = self._record.sources == self._sources
        known = {name: one if same else STALE for name, one in self._record.outputs.items()}
        written: dict[str, Written] = {}
        self._note({**known, **{path.name: STALE for path in paths}})
        for one, path in zip(kinds, paths, strict=True):
            # Swept up with other unfinished outputs if this is cut off.
            temporary = temporary_path(path.with_stem(TEMPORARY_STEM), 0)
            try:
                written[path.name] = writer(one).write(temporary, content)
                own = path.name in known
                publish(temporary, path, Replace.OLDER if own else self._replacing)
            finally:
                remove(temporary)
        outputs = {name: (one.sha256, one.bytes) for name, one in written.items()}
        self._note({**known, **outputs})

    def _note(self, outputs: Mapping[str, tuple[str, int]]) -> None:
        """Write down which merged files are the run's, before they are there and after."""
        own = bool(self._record.outputs)
        made_of = (self._sources, len(self._done), outputs)
        self._record = MergedRecord(self._record.run, *made_of)
        self._record.write(self._record_path, Replace.OLDER if own else self._replacing)

    def _content(self) -> Content:
        from tui_balancer.outputs.content import Content

        first = self._opened(self._done[0])
        keys = MergedKeys(self._folder, self._done, self._model.mark)
        return Content(
            _Entries(keys, with_rows=True),
            first.kept,
            self._vectors,
            self._metadata(first.metadata),
            _Entries(keys, with_rows=False),
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
            "sources_sha256": self._sources,
            "truncated": sum(row.truncated for row in self._done),
        }
        own.pop("split_batches", None)
        own.pop("windowed", None)
        return dict(sorted((own | counts).items()))


class _Entries(Collection["Entry"]):
    """Sequences that are read from the indices as often as they are asked for."""

    def __init__(self, keys: MergedKeys, *, with_rows: bool) -> None:
        self._keys, self._with_rows = keys, with_rows

    def __iter__(self) -> Iterator[Entry]:
        return (one for one, found in self._keys.entries() if bool(found) is self._with_rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, entry: object) -> bool:
        return any(one == entry for one in self)
