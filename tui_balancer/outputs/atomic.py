"""Outputs appear whole or not at all, also when the power goes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from pathlib import Path

_TEMPORARY = re.compile(r"_ESM\.[a-z0-9]+\.[0-9]+\.tmp\Z")
_BLOCK_BYTES = 1 << 20


def publish(temporary: Path, final: Path) -> None:
    """Put a written and synced output, a file or a folder, in its place for good.

    When this returns the name survives a power cut. An older `final` is replaced; a folder cannot
    be replaced in one step, so one that is cut off in between leaves none.

    Raises:
        OSError: It did not work; `temporary` may be left behind.
    """
    if final.is_dir():
        # Swept up like an unfinished output if this is cut off.
        old = final.with_name(f"{final.name}.0.tmp")
        shutil.rmtree(old, ignore_errors=True)
        final.replace(old)
        temporary.replace(final)
        shutil.rmtree(old)
    else:
        temporary.replace(final)
    sync_folder(final.parent)


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


def sweep_temporaries(folder: Path) -> tuple[Path, ...]:
    """Remove what dead attempts left behind in a run folder, and return what that was.

    Call it only while no worker writes there. Links are not followed, and only names that
    `layout.temporary_path` gives to outputs are touched.
    """
    swept: list[Path] = []
    for parent, folders, names in os.walk(folder):
        for name in sorted((*folders, *names)):
            if _TEMPORARY.search(name):
                with contextlib.suppress(FileNotFoundError):
                    remove(Path(parent) / name)
                    swept.append(Path(parent) / name)
        folders[:] = [name for name in folders if not _TEMPORARY.search(name)]
    return tuple(swept)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        # No more than it takes: small files are read by many threads at once.
        block = bytearray(min(_BLOCK_BYTES, os.fstat(file.fileno()).st_size + 1))
        while count := file.readinto(block):
            digest.update(memoryview(block)[:count])
    return digest.hexdigest()
