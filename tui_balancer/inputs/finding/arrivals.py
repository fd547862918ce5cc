"""Files that arrive in folders: found once they are complete.

A file is complete when nobody writes it any more. On a file system of this machine the kernel says
whether a process has it open for writing; for other machines' writers only time tells: it is
complete when it has not changed for a while. One that is renamed into place has not, so it is
found at once.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.searching import mode_of
from tui_balancer.inputs.text import terminal_safe

_FRESH_NS = 2_000_000_000
"""A folder that changed so shortly before it was listed is listed again: the times of file systems
are coarse."""

_NETWORK_SECONDS = 60.0
"""How much older a network's file must be to be taken at first sight: its clock is another one."""


@dataclass(slots=True)
class _Candidate:
    """A file that is not complete yet.

    Attributes:
        looks: Its inode, size and time of change.
        since: When it was first seen like that.
    """

    looks: tuple[int, int, int]
    since: float


def watched_folders(patterns: Sequence[str]) -> tuple[Path, ...]:
    """Return inputs as the folders to watch.

    Raises:
        UserError: One is not a folder.
    """
    folders = []
    for pattern in patterns:
        folder = Path(pattern).expanduser().absolute()
        mode = mode_of(folder)
        if mode is None or not stat.S_ISDIR(mode):
            what = "there is nothing at" if mode is None else "no folder is at"
            raise UserError(
                f"--watch watches folders, and {what} {terminal_safe(pattern)}: name folders alone"
            )
        folders.append(folder)
    return tuple(folders)


def is_complete(path: str | Path, settle: float, *, on_network: bool) -> bool:
    """Whether a file seen for the first time is complete.

    Args:
        path: The file.
        settle: Seconds for which it must not have changed.
        on_network: Whether other machines may write it.
    """
    try:
        age = time.time() - Path(path).stat().st_mtime
    except OSError:
        # The scan says why it cannot be read.
        return True
    enough = settle + _NETWORK_SECONDS if on_network else settle
    return age >= enough and (on_network or not is_being_written(path))


def is_being_written(path: str | Path) -> bool:
    """Whether a process of this machine has a file open for writing, as far as the kernel tells.

    A read lease is refused for such a file. Linux gives one for a person's own files only; for
    others the answer is no.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Somebody who opens it just now makes the kernel send a signal: one that ends nothing.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(handle)
    return False


@dataclass(eq=False, slots=True)
class Arrivals:
    """Finds new files in folder trees. A folder without changes costs one look at its time.

    Hidden entries are left out, links are followed, every folder is entered once.

    Args:
        folders: The folders, absolute.
        settle: Seconds for which a file must not have changed.
        known: Paths of files that are there already.
        skipped: A folder that is not entered: the run's own.
        on_network: Whether other machines may write files.
        clock: Seconds that never go back.
    """

    folders: Sequence[Path]
    settle: float
    known: Collection[str]
    skipped: Path
    on_network: bool
    clock: Callable[[], float] = time.monotonic
    _listed: dict[str, int] = field(default_factory=dict)
    _subfolders: dict[str, list[str]] = field(default_factory=dict)
    _candidates: dict[str, _Candidate] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    @property
    def pending(self) -> int:
        """Number of files that are not complete yet."""
        return len(self._candidates)

    def look(self) -> list[str]:
        """Return the paths of files that are complete since the last look, sorted."""
        entered: set[tuple[int, int]] = set()
        for folder in self.folders:
            for found in self._changed(str(folder), entered):
                self._note(found)
        complete = sorted(path for path in [*self._candidates] if self._is_complete(path))
        self._taken.update(complete)
        return complete

    def _changed(self, folder: str, entered: set[tuple[int, int]]) -> Iterator[str]:
        """Yield the files of the folders of a tree that have changed."""
        folders = [folder]
        while folders:
            current = folders.pop()
            try:
                status = Path(current).stat()
                if (status.st_dev, status.st_ino) in entered or Path(current) == self.skipped:
                    continue
                entered.add((status.st_dev, status.st_ino))
                if self._listed.get(current) != status.st_mtime_ns:
                    yield from self._list(current)
                    fresh = time.time_ns() - status.st_mtime_ns < _FRESH_NS
                    self._listed[current] = 0 if fresh else status.st_mtime_ns
            except OSError:
                # It is gone or cannot be read just now; it may be again.
                self._listed.pop(current, None)
                continue
            folders += self._subfolders.get(current, ())

    def _list(self, folder: str) -> Iterator[str]:
        subfolders = []
        for entry in list(os.scandir(folder)):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                subfolders.append(entry.path)
            elif entry.is_file():
                yield entry.path
        self._subfolders[folder] = subfolders

    def _note(self, path: str) -> None:
        if path not in self._taken and path not in self._candidates and path not in self.known:
            self._candidates[path] = _Candidate((0, 0, 0), self.clock())

    def _is_complete(self, path: str) -> bool:
        """Whether a candidate is complete, and no candidate any more; one that is gone is none."""
        candidate, now = self._candidates[path], self.clock()
        try:
            status = Path(path).stat()
        except OSError:
            del self._candidates[path]
            return False
        looks = (status.st_ino, status.st_size, status.st_mtime_ns)
        first_look = candidate.looks == (0, 0, 0)
        if looks != candidate.looks:
            candidate.looks, candidate.since = looks, now
        if first_look:
            complete = is_complete(path, self.settle, on_network=self.on_network)
        else:
            unchanged = now - candidate.since >= self.settle
            complete = unchanged and (self.on_network or not is_being_written(path))
        if complete:
            del self._candidates[path]
        return complete
