"""What a named file, a folder or a glob stands for: files, in a folder those that are FASTA."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, takewhile
from pathlib import Path, PurePath

from tui_balancer.errors import UserError
from tui_balancer.inputs.lines import begins_like_fasta
from tui_balancer.inputs.suffixes import ARCHIVE_SUFFIXES, claims_fasta, without_packing
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.inputs.unpacking import SUFFIXES, BrokenPacking, UnreadableContent, unpacked
from tui_balancer.notices import NoticeKind, Notices


class NoInputs(UserError):
    """A folder holds no input."""


OnLeftOut = Callable[[NoticeKind, str], None]
"""Called with the kind of an entry that is left out, and its name below the folder's parent."""

_GLOB_LETTERS = re.compile(r"[*?\[]")

Match = tuple[str, bool]
"""An absolute path, and whether it is itself a link."""


def matches(pattern: str, on_left_out: OnLeftOut) -> Iterator[tuple[Path, Iterable[Match]]]:
    """Yield what one pattern stands for: where its mirrored tree starts, and files."""
    if not pattern:
        raise UserError("an input's name is empty")
    given = Path(pattern)
    with contextlib.suppress(RuntimeError):
        given = given.expanduser()
    mode = mode_of(given)
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
            raise NoInputs(
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


def _expand(pattern: Path, on_left_out: OnLeftOut) -> Iterator[tuple[Path, Iterable[Match]]]:
    """Yield the matches of a glob as a shell would: nothing hidden unless asked for."""
    fixed = list(takewhile(lambda part: not _GLOB_LETTERS.search(part), pattern.parts))
    rest = pattern.parts[len(fixed) :]
    start = _absolute(Path(*fixed))
    hidden = any(part.startswith(".") for part in rest)
    try:
        paths = sorted(start.glob("/".join(rest)))
    except ValueError as error:
        raise UserError(f"cannot expand {terminal_safe(str(pattern))}: {error}") from error
    files: list[Match] = []
    for path in paths:
        if not hidden and any(part.startswith(".") for part in path.relative_to(start).parts):
            continue
        mode = mode_of(path)
        if mode is not None and stat.S_ISDIR(mode):
            files.extend(_fasta_below(path, on_left_out))
        elif mode is None or stat.S_ISREG(mode):
            files.append((str(path), path.is_symlink()))
    if files:
        yield start, files


def _fasta_below(folder: Path, on_left_out: OnLeftOut) -> Iterator[Match]:
    """Yield the inputs of a folder tree.

    Raises:
        UserError: The folder itself cannot be searched.
    """
    above = len(str(folder.parent).rstrip("/")) + 1

    def leave_out(kind: NoticeKind, path: str) -> None:
        on_left_out(kind, terminal_safe(path[above:]))

    for path, is_link in _files_below(folder, leave_out):
        kind = no_input(path, is_link)
        if kind is None:
            yield path, is_link
        else:
            leave_out(kind, path)


def _files_below(folder: Path, leave_out: OnLeftOut) -> Iterator[Match]:
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
            mode = mode_of(Path(link))
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


def no_input(path: str, is_link: bool) -> NoticeKind | None:
    """Return why a folder's file is no input; None if it is one, which may fail."""
    if claims_fasta(path):
        return None
    packed = PurePath(path).suffix.lower() in SUFFIXES
    archive = PurePath(without_packing(path)).suffix.lower() in ARCHIVE_SUFFIXES
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


def mode_of(path: Path) -> int | None:
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
