"""The private folder of a process's socket, removed with the process."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from multiprocessing import util
from pathlib import Path

from tui_balancer.errors import UserError

_PREFIX = "tui-balancer-"
_LONGEST_SOCKET_PATH = 100


def private_folder() -> Path:
    """Make a folder for a socket that only its owner may enter, removed when the process ends.

    The folder of a killed process is removed by the next process that makes one. A file lock shows
    which are left over: each folder is locked by its process while that lives.
    """
    parent = _parent()
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    while not _lock(folder):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    # After the listener's own removal of the socket, whose priority is 0.
    util.Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=-1)
    return folder


def _lock(folder: Path) -> bool:
    """Lock a folder until this process ends; return False if another process has removed it."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    # If folders cannot be locked, none is removed either.
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)
    if folder.exists():
        return True
    os.close(lock)
    return False


def temporary_folder() -> str:
    """Return the parent of temporary folders.

    Raises:
        UserError: There is none.
    """
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        raise UserError("no folder for temporary files is writable: set TMPDIR to one") from None


def _parent() -> Path:
    """Return the parent of temporary folders, if a socket's path is not too long there."""
    parent = temporary_folder()
    # Linux allows 107 bytes, macOS 103; batch systems often use long temporary paths.
    if len(os.fsencode(parent)) + len(f"/{_PREFIX}01234567/queues") > _LONGEST_SOCKET_PATH:
        parent = "/tmp"
    return Path(parent)


def _sweep(parent: Path) -> None:
    """Remove this user's folders that no process has locked."""
    for folder in parent.glob(f"{_PREFIX}????????"):
        with suppress(OSError):
            if folder.lstat().st_uid == os.getuid():
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder unless its process lives.

    Raises:
        OSError: The process lives, or its state is unknown.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
