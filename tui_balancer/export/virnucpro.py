"""Pairs the outputs of VirNucPro's two halves and merges them into the features that it reads.

VirNucPro cuts its input into `PREFIX_nucleotide/output_1.fa` … and, with the same ids,
`PREFIX_protein/output_1.fa` …. Its `prediction.py` reads `PREFIX_merged/output_1_merged.pt` ….
Torch is imported only when features are written or read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tui_balancer.errors import UserError
from tui_balancer.export.merge import read_run
from tui_balancer.formatting import listed, plural
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.ledger.records import FileRow, FileState
from tui_balancer.outputs.atomic import Replace, publish, remove
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.layout import temporary_path

NUCLEOTIDES, PROTEINS, MERGED = "_nucleotide", "_protein", "_merged"
"""The endings of VirNucPro's folders."""

_NAMED = 3

_PROGRAM = "tui-balancer virnucpro"


@dataclass(frozen=True, slots=True)
class Pair:
    """A file of nucleotides, that of their proteins, and where their features belong."""

    nucleotides: Path
    proteins: Path
    merged: Path


@dataclass(frozen=True, slots=True)
class Features:
    """What came of merging.

    Attributes:
        files: Files of features that are there.
        problems: A line for each pair that was not merged, and for what was left out.
    """

    files: int
    problems: tuple[str, ...]


def folder_of(prefix: str, ending: str) -> Path:
    """Return a folder of VirNucPro's, absolute.

    Args:
        prefix: Its input without `.fa…`, as its scripts take it.
        ending: One of the endings.
    """
    return Path(f"{Path(prefix).expanduser().absolute()}{ending}")


def find_pairs(prefix: str) -> list[Pair]:
    """Return the files that VirNucPro's preparation has written.

    Raises:
        UserError: There are none, or a file has no partner.
    """
    folders = [folder_of(prefix, ending) for ending in (NUCLEOTIDES, PROTEINS)]
    names = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(
                f"there is no folder {folder}: run VirNucPro's preparation first, and give its "
                "input without .fa"
            )
        names.append({path.name for path in folder.glob("*.fa")})
    if alone := sorted(names[0] ^ names[1]):
        raise UserError(
            f"{plural(len(alone), 'file')} of {folders[0].name} and {folders[1].name} "
            f"{'has' if len(alone) == 1 else 'have'} no partner: {listed(alone, _NAMED)}"
        )
    if not names[0]:
        raise UserError(f"{folders[0]} has no .fa files: run VirNucPro's preparation first")
    merged = folder_of(prefix, MERGED)
    return [
        Pair(folders[0] / name, folders[1] / name, merged / f"{name[: -len('.fa')]}_merged.pt")
        for name in sorted(names[0], key=lambda name: (len(name), name))
    ]


def refuse_others_features(pairs: Sequence[Pair]) -> None:
    """Check that no file at the place of features was written by another program.

    Raises:
        UserError: One was.
    """
    there = [pair.merged for pair in pairs if pair.merged.exists()]
    if not there:
        return
    code = _code()
    if others := [path for path in there if code.read_metadata(path).get("program") != _PROGRAM]:
        raise UserError(
            f"{plural(len(others), 'file')} of another program would be replaced: "
            f"{listed([terminal_safe(str(path)) for path in others], _NAMED)}. Move them away, or "
            "replace them with --overwrite"
        )


def merge_features(
    folder: Path, pairs: Sequence[Pair], on_file: Callable[[int, int], None] = lambda *_: None
) -> Features:
    """Write the features of the pairs that a run has finished; those that are current stay.

    Args:
        folder: The run folder.
        pairs: Its inputs.
        on_file: Called with the progress: pairs done, pairs in all.

    Raises:
        UserError: There is no run, or the disk is full.
    """
    _, rows = read_run(folder)
    by_source = {row.file.source: row for row in rows}
    problems: list[str] = []
    files = 0
    for number, pair in enumerate(pairs, start=1):
        halves = [by_source.get(str(path)) for path in (pair.nucleotides, pair.proteins)]
        try:
            done = [_finished(folder, row) for row in halves]
            left_out = _merged(folder, done[0], done[1], pair.merged)
            files += 1
        except UserError as problem:
            problems.append(f"{pair.merged.name}: {problem}")
        except OSError as problem:
            raise UserError(f"cannot write {pair.merged}: {problem.strerror}") from problem
        else:
            if left_out:
                problems.append(
                    f"{pair.merged.name}: {plural(len(left_out), 'sequence')} left out, which "
                    f"one half lacks: {listed([terminal_safe(one) for one in left_out], _NAMED)}"
                )
        on_file(number, len(pairs))
    return Features(files, tuple(problems))


def _finished(folder: Path, row: FileRow | None) -> FileRow:
    """Return a file of the run that has its output as it was written.

    Raises:
        UserError: It has not.
    """
    if row is None or row.state is not FileState.DONE:
        name = "an input" if row is None else row.file.name
        raise UserError(f"{name} has no output")
    if reason := flaw(folder / row.file.output, row.output_sha256, row.output_bytes):
        raise UserError(f"{reason} ({row.file.output})")
    return row


def _merged(folder: Path, nucleotides: FileRow, proteins: FileRow, path: Path) -> list[str]:
    """Write the features of a pair, and return the ids that are left out."""
    code = _code()
    metadata = {
        "nucleotides_sha256": nucleotides.output_sha256,
        "program": _PROGRAM,
        "proteins_sha256": proteins.output_sha256,
    }
    if path.exists():
        known = code.read_metadata(path)
        if metadata.items() <= known.items():
            return list(known["left_out"])
    path.parent.mkdir(exist_ok=True)
    temporary = temporary_path(path, 0)
    halves = [folder / row.file.output for row in (nucleotides, proteins)]
    try:
        left_out: list[str] = code.merge(*halves, temporary, metadata)
        publish(temporary, path, Replace.FILES)
    finally:
        remove(temporary)
    return left_out


def _code() -> Any:
    """Return what writes and reads features, with torch."""
    return import_module("tui_balancer.outputs.virnucpro_features")
