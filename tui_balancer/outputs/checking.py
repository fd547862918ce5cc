"""Checks that an output is unchanged. Imports no torch."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tui_balancer.outputs.sealing import sha256_of

SUMS_NAME = "SHA256SUMS"
"""File with the checksums of all other files of an output folder, in `sha256sum`'s format."""


def flaw(path: str | Path, sha256: str, size: int, mtime_ns: int = 0) -> str:
    """Return what is wrong with an output; empty if it is unchanged.

    Args:
        path: A file, or a folder with `SHA256SUMS`.
        sha256: SHA-256 of the file, or of `SHA256SUMS`.
        size: Bytes of the file or of all files together.
        mtime_ns: Its last change, Unix time in nanoseconds: a file with this time and size is
            unchanged. 0 compares the bytes of every file.
    """
    try:
        # A million outputs are checked without a million paths.
        status = os.stat(path)  # noqa: PTH116
        if stat.S_ISDIR(status.st_mode):
            return _folder_flaw(Path(path), sha256, size)
        if status.st_size != size:
            return "its output has another size"
        if mtime_ns and status.st_mtime_ns == mtime_ns:
            return ""
        return "" if sha256_of(Path(path)) == sha256 else "its output has other bytes"
    except FileNotFoundError:
        return "its output is gone"
    except OSError as problem:
        return f"its output cannot be read: {problem.strerror}"


def _folder_flaw(folder: Path, sha256: str, size: int) -> str:
    sums = folder / SUMS_NAME
    if sha256_of(sums) != sha256:
        return "its output has other bytes"
    found = sums.stat().st_size
    for line in sums.read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            return f"its output lacks {name}"
        if sha256_of(path) != expected:
            return f"its output has other bytes in {name}"
        found += path.stat().st_size
    return "" if found == size else "its output has another size"
