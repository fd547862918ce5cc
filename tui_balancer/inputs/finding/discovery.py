"""Finding the inputs: files, folders and globs become one ordered list without repeats.

A file that a person names, or that a glob matches, is always an input: if it is no FASTA it
will fail with the reason. A folder is searched with its subfolders, and content decides:
files that begin like FASTA are inputs whatever their suffix. The others are left out (notes,
tables, indices, the outputs of an earlier run) unless their suffix claims FASTA, or they cannot
be read: then a person expects a result and must hear that there is none. Hidden entries are left
out. Whatever is left out is reported, with its kind.

Links are followed. A file that is reached twice, also through a link, is one input, under
the name given first, and within a folder or a glob under its own rather than a link's; two
hard links are two files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import iglob
from pathlib import Path, PurePath

from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.searching import OnLeftOut, matches, mode_of
from tui_balancer.inputs.suffixes import split_suffix
from tui_balancer.inputs.text import terminal_safe

_REPORT_EVERY = 1000


@dataclass(frozen=True, slots=True)
class InputFile:
    """One FASTA input; a run may have a million, so it keeps no more than two strings.

    Attributes:
        source: Absolute path to read.
        mirrored: Its place below the folder that is mirrored, with the suffix.
    """

    source: str
    mirrored: str

    def __reduce__(self) -> tuple[type[InputFile], tuple[str, str]]:
        # A dataclass with slots takes many times as long to pickle.
        return InputFile, (self.source, self.mirrored)

    @property
    def path(self) -> Path:
        """Absolute path to read."""
        return Path(self.source)

    @property
    def name(self) -> str:
        """What a person sees: its mirrored path with the suffix, safe to print."""
        return terminal_safe(self.mirrored)

    @property
    def relative(self) -> PurePath:
        """Its place in the mirrored output tree, without the suffix."""
        mirrored = PurePath(self.mirrored)
        return mirrored.with_name(split_suffix(mirrored.name)[0])

    @property
    def suffix(self) -> str:
        """What was taken off its name, e.g. `.faa.gz`; may be empty."""
        return split_suffix(PurePath(self.mirrored).name)[1]


def find_inputs(
    patterns: Sequence[str | Path],
    on_left_out: OnLeftOut = lambda _kind, _name: None,
    *,
    on_found: Callable[[int], None] = lambda _: None,
) -> tuple[InputFile, ...]:
    """Find the inputs that a person means.

    The mirrored tree hangs from the deepest folder that holds all of the folders given, the
    files' own folders, and the fixed beginnings of the globs: one folder is mirrored as it
    stands, several keep the names that tell them apart.

    Args:
        patterns: Files, folders, and globs that no shell expanded (`**` crosses folders).
        on_left_out: Called with every entry of a folder that is left out.
        on_found: Called now and then with how many were found so far.

    Returns:
        The inputs in the order of `patterns`, sorted within each.

    Raises:
        UserError: A pattern matches nothing or cannot be searched; `NoInputs` if it is a folder
            without any.
    """
    if not patterns:
        raise UserError("no input given: name FASTA files, folders or globs")
    found: dict[str, str] = {}
    real_folders: dict[str, str] = {}
    starts: list[Path] = []
    for pattern in patterns:
        matched = False
        for start, files in matches(str(pattern), on_left_out):
            matched = True
            starts.append(start)
            fresh: dict[str, str] = {}
            links: list[str] = []
            for path, is_link in files:
                if is_link:
                    links.append(path)
                    continue
                identity = _identity(path, real_folders)
                if identity not in found:
                    fresh.setdefault(identity, path)
                if len(fresh) % _REPORT_EVERY == 0:
                    on_found(len(found) + len(fresh))
            for path in links:
                identity = os.path.realpath(path)
                if identity not in found:
                    fresh.setdefault(identity, path)
            # By folder and name: the separator goes before every letter.
            found.update(sorted(fresh.items(), key=lambda item: item[1].replace("/", "\0")))
            on_found(len(found))
        if not matched:
            raise _nothing_there(pattern)
    below = len(os.path.commonpath(starts).rstrip("/")) + 1
    return tuple(InputFile(path, path[below:]) for path in found.values())


def require_inputs(patterns: Sequence[str | Path]) -> None:
    """See at a glance whether files, folders and matches of globs are there at all.

    Raises:
        UserError: One is not.
    """
    for pattern in patterns:
        # Path.expanduser raises for an unknown user, and Path.glob for absolute patterns.
        name = os.path.expanduser(pattern)  # noqa: PTH111
        if mode_of(Path(name)) is None and not any(iglob(name, recursive=True)):  # noqa: PTH207
            raise _nothing_there(pattern)


def _nothing_there(pattern: str | Path) -> UserError:
    return UserError(f"no such file or folder: {terminal_safe(str(pattern))}")


def _identity(path: str, real_folders: dict[str, str]) -> str:
    """The real path of a file that is no link; `real_folders` spares most of the look-ups."""
    folder, _, name = path.rpartition("/")
    if folder not in real_folders:
        real_folders[folder] = os.path.realpath(folder or "/")
    real = real_folders[folder]
    return path if real == folder else f"{real}/{name}"
