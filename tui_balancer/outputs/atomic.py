"""Publishes outputs atomically, also across a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from pathlib import Path

from tui_balancer.outputs.found import find_output_files
from tui_balancer.outputs.layout import OTHER_OUTPUTS
from tui_balancer.outputs.sealing import sync, sync_folder

_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}
)
"""Errors of file systems without hard links, or without more of them for a file."""


class Replace(Enum):
    """What `publish` may replace at an output's path: nothing, files and links, an older output.

    An older output may be a folder, which only a folder replaces.
    """

    NOTHING = auto()
    FILES = auto()
    OLDER = auto()


def publish(temporary: Path, final: Path, replace: Replace = Replace.NOTHING) -> None:
    """Put a written output, a file or a folder, in place durably.

    When this returns the output and its name survive a power cut.

    Args:
        temporary: The written output.
        final: Its path.
        replace: What it may replace; nothing else is touched.

    Raises:
        FileExistsError: Another file is there.
        OSError: It failed; `temporary` may be left behind.
    """
    sync(temporary)
    place(temporary, final, replace)
    settle([(temporary, final)])


def place(temporary: Path, final: Path, replace: Replace = Replace.NOTHING) -> None:
    """Put a synced output in place; `settle` has its name survive a power cut.

    A folder cannot be replaced in one step, so one that is cut off in between leaves none.

    Args:
        temporary: The output, see `sealing.sync`.
        final: Its path.
        replace: What it may replace; nothing else is touched.

    Raises:
        FileExistsError: Another file is there.
        OSError: It failed; `temporary` may be left behind.
    """
    if replace is Replace.NOTHING:
        _add(temporary, final)
    elif final.is_dir() and not final.is_symlink():
        if replace is Replace.FILES or not temporary.is_dir():
            raise _exists(final)
        # Removed like an unfinished output after an interruption.
        old = final.with_name(f"{final.name}.0.tmp")
        shutil.rmtree(old, ignore_errors=True)
        final.replace(old)
        temporary.replace(final)
        shutil.rmtree(old)
    else:
        if temporary.is_dir():
            final.unlink(missing_ok=True)
        temporary.replace(final)


def settle(placed: Iterable[tuple[Path, Path]]) -> None:
    """Have the names of placed outputs survive a power cut, by one sync of each folder.

    Args:
        placed: Of each output its temporary path, which may exist as another name of it, and its
            path. Who finds the temporary one alone knows that nothing was published.

    Raises:
        OSError: It failed; it can be repeated.
    """
    placed = list(placed)
    for folder in dict.fromkeys(final.parent for _, final in placed):
        sync_folder(folder)
    for temporary, _ in placed:
        temporary.unlink(missing_ok=True)


def _add(temporary: Path, final: Path) -> None:
    """Put an output at a free path.

    A hard link fails where a name is taken, in one step; a renamed folder replaces an empty one
    at most, and a renamed file any.
    """
    if temporary.is_dir():
        if os.path.lexists(final):
            raise _exists(final)
        temporary.rename(final)
        return
    try:
        final.hardlink_to(temporary)
    except FileExistsError:
        # An earlier call may have reached this point.
        if not os.path.samestat(temporary.lstat(), final.lstat()):
            raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(final):
            raise _exists(final) from None
        temporary.rename(final)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def remove(output: Path) -> None:
    """Remove an output, a file or a folder, if it exists.

    Raises:
        OSError: It cannot be removed.
    """
    if output.is_dir() and not output.is_symlink():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)


def sweep_temporaries(folder: Path, outputs: Sequence[str]) -> tuple[Path, ...]:
    """Remove leftovers of dead attempts at a run's outputs, and return them.

    Call it only while no worker writes.

    Args:
        folder: The run folder.
        outputs: The run's outputs, as paths in the folder, in any format.
    """
    swept: list[Path] = []
    for one in find_output_files(folder, [*outputs, *OTHER_OUTPUTS]):
        if one.is_temporary:
            with contextlib.suppress(FileNotFoundError):
                remove(one.path)
            swept.append(one.path)
    return tuple(swept)
