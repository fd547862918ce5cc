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

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import iglob
from itertools import chain, takewhile
from pathlib import Path, PurePath

from tui_balancer.errors import UserError
from tui_balancer.inputs.lines import begins_like_fasta
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.inputs.unpacking import SUFFIXES, BrokenPacking, UnreadableContent, unpacked
from tui_balancer.notices import NoticeKind, Notices

FASTA_SUFFIXES = frozenset(
    {".aa", ".fa", ".faa", ".fas", ".fasta", ".ffn", ".fna", ".fsa", ".mpfa", ".pep", ".prot"}
)
"""Suffixes that claim FASTA; case does not matter, that of a packing may follow."""

ARCHIVE_SUFFIXES = frozenset(
    {".7z", ".lz", ".lz4", ".rar", ".tar", ".tbz2", ".tgz", ".txz", ".z", ".zip"}
)

OnLeftOut = Callable[[NoticeKind, str], None]
"""Called with the kind of an entry that is left out, and its name below the folder's parent."""

_GLOB_LETTERS = re.compile(r"[*?\[]")
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


_Match = tuple[str, bool]
"""An absolute path, and whether it is itself a link."""


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
        UserError: A pattern matches nothing or cannot be searched.
    """
    if not patterns:
        raise UserError("no input given: name FASTA files, folders or globs")
    found: dict[str, str] = {}
    real_folders: dict[str, str] = {}
    starts: list[Path] = []
    for pattern in patterns:
        matched = False
        for start, files in _matches(str(pattern), on_left_out):
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
        if _mode(Path(name)) is None and not any(iglob(name, recursive=True)):  # noqa: PTH207
            raise _nothing_there(pattern)


def _nothing_there(pattern: str | Path) -> UserError:
    return UserError(f"no such file or folder: {terminal_safe(str(pattern))}")


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file name into stem and suffix, `a.b.faa.gz` into `a.b` and `.faa.gz`.

    Only suffixes that say how sequences are stored are taken off: `sample.v2` is a stem.
    """
    stem = _without_packing(name)
    inner = os.path.splitext(stem)[1]  # noqa: PTH122 - pathlib takes ten times as long
    if inner.lower() in FASTA_SUFFIXES or inner.lower() == ".txt":
        stem = stem[: -len(inner)]
    if not stem:
        return name, ""
    return stem, name[len(stem) :]


def _matches(pattern: str, on_left_out: OnLeftOut) -> Iterator[tuple[Path, Iterable[_Match]]]:
    """Yield what one pattern stands for: where its mirrored tree starts, and files."""
    if not pattern:
        raise UserError("an input's name is empty")
    given = Path(pattern)
    with contextlib.suppress(RuntimeError):
        given = given.expanduser()
    mode = _mode(given)
    if mode is None:
        if not os.access(given.parent, os.X_OK) and given.parent.is_dir():
            raise UserError(f"permission denied: {terminal_safe(pattern)}")
        if not _GLOB_LETTERS.search(pattern):
            return
        yield from _expand(given, on_left_out)
    elif stat.S_ISDIR(mode):
        folder = _absolute(given)
        left_out = Notices()

        def counted(kind: NoticeKind, name: str) -> None:
            left_out.leave_out(kind, name)
            on_left_out(kind, name)

        files = _fasta_below(folder, counted)
        first = next(files, None)
        if first is None:
            why = "; ".join(one.text for one in left_out.all())
            raise UserError(
                f"no FASTA file in the folder {terminal_safe(pattern)}"
                + (f" ({why})" if why else "")
            )
        yield folder, chain((first,), files)
    elif stat.S_ISREG(mode):
        file = _absolute(given)
        yield file.parent, [(str(file), file.is_symlink())]
    else:
        raise UserError(
            f"not a regular file: {terminal_safe(pattern)} (inputs are read twice, "
            "so a pipe must be saved first)"
        )


def _expand(pattern: Path, on_left_out: OnLeftOut) -> Iterator[tuple[Path, Iterable[_Match]]]:
    """Yield the matches of a glob as a shell would: nothing hidden unless asked for."""
    fixed = list(takewhile(lambda part: not _GLOB_LETTERS.search(part), pattern.parts))
    rest = pattern.parts[len(fixed) :]
    start = _absolute(Path(*fixed))
    hidden = any(part.startswith(".") for part in rest)
    try:
        paths = sorted(start.glob("/".join(rest)))
    except ValueError as error:
        raise UserError(f"cannot expand {terminal_safe(str(pattern))}: {error}") from error
    files: list[_Match] = []
    for path in paths:
        if not hidden and any(part.startswith(".") for part in path.relative_to(start).parts):
            continue
        mode = _mode(path)
        if mode is not None and stat.S_ISDIR(mode):
            files.extend(_fasta_below(path, on_left_out))
        elif mode is None or stat.S_ISREG(mode):
            files.append((str(path), path.is_symlink()))
    if files:
        yield start, files


def _fasta_below(folder: Path, on_left_out: OnLeftOut) -> Iterator[_Match]:
    """Yield the inputs of a folder tree.

    Raises:
        UserError: The folder itself cannot be searched.
    """
    above = len(str(folder.parent).rstrip("/")) + 1

    def leave_out(kind: NoticeKind, path: str) -> None:
        on_left_out(kind, terminal_safe(path[above:]))

    for path, is_link in _files_below(folder, leave_out):
        kind = _no_input(path, is_link)
        if kind is None:
            yield path, is_link
        else:
            leave_out(kind, path)


def _files_below(folder: Path, leave_out: OnLeftOut) -> Iterator[_Match]:
    """Yield the visible files of a folder tree: the real ones first, then those behind links.

    Every folder is entered once, so a loop of links ends. A link that leads nowhere is yielded.
    """
    entered: set[tuple[int, int]] = set()
    folders = [str(folder)]
    links: list[str] = []
    while folders or links:
        if not folders:
            links.sort(reverse=True)
            link = links.pop()
            mode = _mode(Path(link))
            if mode is not None and stat.S_ISDIR(mode):
                folders.append(link)
            elif mode is None or stat.S_ISREG(mode):
                yield link, True
            else:
                leave_out(NoticeKind.SPECIAL, link)
            continue
        current = folders.pop()
        try:
            status = Path(current).stat()
            entries = list(os.scandir(current))
        except OSError as error:
            if current != str(folder):
                leave_out(NoticeKind.UNREADABLE, current)
                continue
            raise UserError(
                f"cannot search the folder {terminal_safe(current)}: {error.strerror}"
            ) from error
        if (status.st_dev, status.st_ino) in entered:
            continue
        entered.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name.startswith("."):
                leave_out(NoticeKind.HIDDEN, entry.path)
            elif entry.is_symlink():
                links.append(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path, False
            else:
                leave_out(NoticeKind.SPECIAL, entry.path)


def _claims_fasta(path: str) -> bool:
    _, suffix = split_suffix(path.rpartition("/")[2])
    return _without_packing(suffix).lower() in FASTA_SUFFIXES


def _without_packing(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if (dot + suffix).lower() in SUFFIXES else name


def _no_input(path: str, is_link: bool) -> NoticeKind | None:
    """Return why a folder's file is no input; None if it is one, which may fail."""
    if _claims_fasta(path):
        return None
    packed = PurePath(path).suffix.lower() in SUFFIXES
    archive = PurePath(_without_packing(path)).suffix.lower() in ARCHIVE_SUFFIXES
    try:
        with Path(path).open("rb", buffering=0) as file:
            if begins_like_fasta(next(unpacked(file), b"")):
                return None
        return NoticeKind.ARCHIVE if archive else NoticeKind.NOT_FASTA
    except BrokenPacking:
        return NoticeKind.DAMAGED
    except UnreadableContent:
        # PyTorch's and numpy's files are zip archives, too.
        return NoticeKind.ARCHIVE if archive or packed else NoticeKind.NOT_FASTA
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return NoticeKind.BROKEN_LINK if is_link else NoticeKind.NOT_FASTA
        return None


def _mode(path: Path) -> int | None:
    """The kind of what a path leads to, as in `stat`; None when there is nothing."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None


def _absolute(path: Path) -> Path:
    """The absolute path as the person sees it; `..` is resolved, for it may follow a link."""
    if ".." in path.parts:
        return path.parent.resolve() / path.name if path.name != ".." else path.resolve()
    return path.absolute()


def _identity(path: str, real_folders: dict[str, str]) -> str:
    """The real path of a file that is no link; `real_folders` spares most of the look-ups."""
    folder, _, name = path.rpartition("/")
    if folder not in real_folders:
        real_folders[folder] = os.path.realpath(folder or "/")
    real = real_folders[folder]
    return path if real == folder else f"{real}/{name}"
