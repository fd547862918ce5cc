"""Outputs appear whole or not at all, also when the power goes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from pathlib import Path

_TEMPORARY = re.compile(r"_ESM\.[a-z0-9]+\.[0-9]+\.tmp\Z")
_BLOCK_BYTES = 1 << 20


def publish(temporary: Path, final: Path) -> None:
    """Put a written and synced file in its place, for good.

    When this returns the name survives a power cut. An older `final` is replaced.

    Raises:
        OSError: It did not work; `temporary` may be left behind.
    """
    temporary.replace(final)
    descriptor = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems sync names by themselves and refuse to be asked.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sweep_temporaries(folder: Path) -> tuple[Path, ...]:
    """Remove what dead attempts left behind in a run folder, and return what that was.

    Call it only while no worker writes there. Links are not followed, and only names that
    `layout.temporary_path` gives to outputs are touched.
    """
    swept: list[Path] = []
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            if _TEMPORARY.search(name):
                with contextlib.suppress(FileNotFoundError):
                    (Path(parent) / name).unlink()
                    swept.append(Path(parent) / name)
    return tuple(swept)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
