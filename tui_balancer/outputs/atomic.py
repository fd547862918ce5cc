"""Outputs appear whole or not at all, also when the power goes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path

from tui_balancer.outputs.found import find_output_files
from tui_balancer.outputs.layout import OTHER_OUTPUTS

_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}
)
"""How file systems say that they have none, or no more for this file."""


class Replace(Enum):
    """What `publish` may replace at an output's place: nothing, files and links, an older output.

    An older output may be a folder, which only a folder replaces.
    """

    NOTHING = auto()
    FILES = auto()
    OLDER = auto()


def publish(temporary: Path, final: Path, replace: Replace = Replace.NOTHING) -> None:
    """Put a written and synced output, a file or a folder, in its place for good.

    When this returns the name survives a power cut. A folder cannot be replaced in one step, so one
    that is cut off in between leaves none.

    Args:
        temporary: What was written.
        final: The output's place.
        replace: What may be there; nothing else is touched.

    Raises:
        FileExistsError: Something else is there.
        OSError: It did not work; `temporary` may be left behind.
    """
    if replace is Replace.NOTHING:
        _add(temporary, final)
        return
    if final.is_dir() and not final.is_symlink():
        if replace is Replace.FILES or not temporary.is_dir():
            raise _exists(final)
        # Swept up like an unfinished output if this is cut off.
        old = final.with_name(f"{final.name}.0.tmp")
        shutil.rmtree(old, ignore_errors=True)
        final.replace(old)
        temporary.replace(final)
        shutil.rmtree(old)
    else:
        if temporary.is_dir():
            final.unlink(missing_ok=True)
        temporary.replace(final)
    sync_folder(final.parent)


def _add(temporary: Path, final: Path) -> None:
    """Put an output where nothing is.

    A hard link fails where a name is taken, in one step; a renamed folder replaces an empty one
    at most, and a renamed file any.
    """
    if temporary.is_dir():
        if os.path.lexists(final):
            raise _exists(final)
        temporary.rename(final)
        sync_folder(final.parent)
        return
    try:
        final.hardlink_to(temporary)
    except FileExistsError:
        # An earlier call may have come as far as this.
        if not os.path.samestat(temporary.lstat(), final.lstat()):
            raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(final):
            raise _exists(final) from None
        temporary.rename(final)
    sync_folder(final.parent)
    temporary.unlink(missing_ok=True)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def sync_folder(folder: Path) -> None:
    """See the names in a folder survive a power cut.

    Raises:
        OSError: The disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems sync names by themselves and refuse to be asked.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def remove(output: Path) -> None:
    """Remove an output, a file or a folder, as far as it is there.

    Raises:
        OSError: It cannot be removed.
    """
    if output.is_dir() and not output.is_symlink():
        shutil.rmtree(output)
    else:
        output.unlink(missing_ok=True)


def sweep_temporaries(folder: Path, outputs: Sequence[str]) -> tuple[Path, ...]:
    """Remove what dead attempts left of a run's outputs, and return what that was.

    Call it only while no worker writes there.

    Args:
        folder: The run folder.
        outputs: Of the run, as paths in the folder, in any format.
    """
    swept: list[Path] = []
    for one in find_output_files(folder, [*outputs, *OTHER_OUTPUTS]):
        if one.is_temporary:
            with contextlib.suppress(FileNotFoundError):
                remove(one.path)
            swept.append(one.path)
    return tuple(swept)
