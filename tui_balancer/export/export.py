"""Reads the finished outputs of a run, writes them in other formats, and verifies them.

Torch is imported only when an output in a format of torch's is read or written, and never by this
module: these commands run without a screen or workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.export.merge import read_run
from tui_balancer.export.merged_check import merged_flaws
from tui_balancer.extras import MissingExtra
from tui_balancer.formatting import plural
from tui_balancer.ledger.lock import LockHolder, RunLock, UnwritableFolder, refuse_in_use
from tui_balancer.ledger.records import FileRow, FileState
from tui_balancer.outputs.atomic import Replace, publish, remove
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.formats import (
    FORMATS,
    INDEX,
    Format,
    FormatName,
    format_of,
    reader,
    require_room,
    writer,
)
from tui_balancer.outputs.found import find_output_files
from tui_balancer.outputs.layout import temporary_path
from tui_balancer.outputs.sealing import sha256_of
from tui_balancer.run_folder.conflicts import refuse_conflicts, require_folders

OnFile = Callable[[int, int], None]
"""Called with the progress: files done, files in all."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of going through a run's outputs.

    Attributes:
        files: Inputs whose outputs are fine.
        outputs: Files and folders that were written or verified.
        problems: A line for whatever is not as it should be.
    """

    files: int
    sequences: int
    outputs: int
    problems: tuple[str, ...]


def export(
    folder: Path,
    formats: Sequence[FormatName],
    destination: Path | None = None,
    on_file: OnFile | None = None,
    *,
    overwrite: bool = False,
) -> Report:
    """Write the finished outputs of a run in other formats, as the run itself would have.

    Args:
        folder: The run folder; no run may be live in it.
        formats: What to write; those that the run has written itself are left alone.
        destination: Folder to write to, in the tree of the outputs; None writes next to them.
        on_file: See `OnFile`.
        overwrite: Whether files are replaced that are there already.

    Raises:
        UserError: There is no run, or one is live in it, or files are there already, or the disk
            is full.
    """
    lock = _locked(folder, written=destination is None)
    try:
        _, rows = read_run(folder)
        target = destination or folder
        refuse_conflicts(_export_conflicts(folder, target, rows, formats), overwrite=overwrite)
        replacing = Replace.FILES if overwrite else Replace.NOTHING
        chosen = [FORMATS[name] for name in formats]
        return _visit_all(rows, on_file, partial(_exported, folder, chosen, target, replacing))
    except OSError as problem:
        raise UserError(f"cannot write the outputs: {problem.strerror or problem}") from problem
    finally:
        if lock is not None:
            lock.release()


def verify(folder: Path, on_file: OnFile | None = None) -> Report:
    """Hold the outputs of a run against its ledger, its index and its inputs.

    Every recorded output must have its checksum. Every vector, in whatever format lies there, must
    be finite and have the checksum that the index names, in the index's order. There must be as
    many as the input has sequences, and an input that is still there must be what was read.
    Merged files must hold the same, and no key twice.

    Raises:
        UserError: There is no run.
    """
    run, rows = read_run(folder)
    report = _visit_all(rows, on_file, partial(_verified, folder))
    return replace(report, problems=(*report.problems, *merged_flaws(folder, run, rows)))


def _locked(folder: Path, *, written: bool) -> RunLock | None:
    """Lock a run folder; one that cannot be written needs no lock if it is only read."""
    try:
        return RunLock.acquire(folder)
    except UnwritableFolder:
        if written:
            raise
        refuse_in_use(folder, LockHolder.this_process())
        return None


def _exported(
    folder: Path, formats: Sequence[Format], target: Path, replacing: Replace, row: FileRow
) -> int:
    """Write an input's outputs in other formats, and return how many those are.

    Raises:
        UserError: What is wrong with those that are there.
    """
    from tui_balancer.outputs.content import Content
    from tui_balancer.outputs.index import read_index

    _refuse_flaws(folder, row)
    source = folder / row.file.output
    stored = reader(format_of(source)).read(source)
    indexed = list(read_index(source.with_suffix(INDEX.suffix)))
    entries = [entry for entry, checksum in indexed if checksum]
    left_out = [entry for entry, checksum in indexed if not checksum]
    if [entry.id for entry in entries] != list(stored.ids):
        raise UserError("its index has other sequences")
    require_room([one.name for one in formats], stored.kept)
    content = Content(entries, stored.kept, stored.vectors, stored.metadata, left_out)
    recorded = {folder / one.output for one in row.outputs}
    paths = [(one, target / Path(row.file.output).with_suffix(one.suffix)) for one in formats]
    missing = [(one, path) for one, path in paths if path not in recorded]
    for one, path in missing:
        temporary = temporary_path(path, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            writer(one).write(temporary, content)
            publish(temporary, path, replacing)
        finally:
            remove(temporary)
    return len(missing)


def _verified(folder: Path, row: FileRow) -> int:
    """Return how many outputs of an input are intact.

    Raises:
        UserError: What is wrong with them.
    """
    from tui_balancer.outputs.comparing import refuse_other_vectors
    from tui_balancer.outputs.index import read_index

    _refuse_flaws(folder, row)
    source = Path(row.file.source)
    if source.exists() and sha256_of(source) != row.file.sha256:
        raise UserError("its input changed since")
    first = folder / row.file.output
    index = read_index(first.with_suffix(INDEX.suffix))
    rows = [(one.id, checksum) for one, checksum in index if checksum]
    if len(rows) != row.vectors:
        raise UserError(f"{plural(row.vectors, 'vector')} recorded, {len(rows):,} in its index")
    outputs = [(one, first.with_suffix(one.suffix)) for one in FORMATS.values()]
    present = [(one, path) for one, path in outputs if path.exists()]
    for one, path in present:
        refuse_other_vectors(one, path, rows)
    if row.missing:
        raise UserError(
            f"it lacks {plural(row.missing, 'sequence')}, which did not fit into memory"
        )
    return len(present) + 1


def _export_conflicts(
    folder: Path, destination: Path, rows: Sequence[FileRow], formats: Sequence[FormatName]
) -> list[Path]:
    """Return what is at the places of exports and was not written by the run itself."""
    done = [row for row in rows if row.state is FileState.DONE]
    suffixes = {FORMATS[name].suffix for name in formats}
    outputs = [row.file.output for row in done]
    require_folders(destination, outputs)
    found = {
        one.path: None
        for one in find_output_files(destination, outputs)
        if one.suffix in suffixes and (not one.unfinished or destination != folder)
    }
    for one in chain.from_iterable(row.outputs for row in done):
        found.pop(folder / one.output, None)
    return list(found)


def _visit_all(
    rows: Sequence[FileRow], on_file: OnFile | None, visit: Callable[[FileRow], int]
) -> Report:
    files = sequences = outputs = 0
    problems: list[str] = []
    for number, row in enumerate(rows, start=1):
        try:
            if row.state is not FileState.DONE:
                raise UserError(_why_unfinished(row))
            outputs += visit(row)
            files, sequences = files + 1, sequences + row.vectors
        except MissingExtra:
            raise
        except UserError as problem:
            problems.append(f"{row.file.name}: {problem}")
        if on_file is not None:
            on_file(number, len(rows))
    return Report(files, sequences, outputs, tuple(problems))


def _why_unfinished(row: FileRow) -> str:
    if row.state is not FileState.FAILED:
        return "not finished yet"
    return row.reason if row.by_hand else f"failed: {row.reason}"


def _refuse_flaws(folder: Path, row: FileRow) -> None:
    for one in row.outputs:
        if reason := flaw(folder / one.output, one.sha256, one.bytes):
            raise UserError(f"{reason} ({one.output})")
