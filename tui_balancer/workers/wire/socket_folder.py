"""The folder of a process's socket: its owner's alone, and gone when the process is."""

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

    A process that is killed leaves it behind, and the next one to make one removes it. Which
    are left behind the kernel tells: each folder is locked by its process as long as that lives.
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
    """Lock a folder for as long as this process lives; False if another one has swept it before."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    # Where a folder cannot be locked none is swept either.
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)
    if folder.exists():
        return True
    os.close(lock)
    return False


def temporary_folder() -> str:
    """Return where temporary folders belong.

    Raises:
        UserError: There is no such place.
    """
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        raise UserError(
            "no folder for temporary files can be written: name one with TMPDIR"
        ) from None


def _parent() -> Path:
    """Return where temporary folders belong, if a socket's path is not too long there."""
    parent = temporary_folder()
    # The kernel takes 107 bytes, macOS 103; batch systems like long temporary folders.
    if len(os.fsencode(parent)) + len(f"/{_PREFIX}01234567/queues") > _LONGEST_SOCKET_PATH:
        parent = "/tmp"
    return Path(parent)


def _sweep(parent: Path) -> None:
    """Remove this user's folders that no process holds any more."""
    for folder in parent.glob(f"{_PREFIX}????????"):
        with suppress(OSError):
            if folder.lstat().st_uid == os.getuid():
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder unless its process lives.

    Raises:
        OSError: It lives, or that cannot be told.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
