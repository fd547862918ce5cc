"""Size and time of change of checkpoints, by which they count as unchanged. Imports no torch."""

from __future__ import annotations

import contextlib
from pathlib import Path

Stamp = tuple[tuple[int, int], ...]
"""Size and time of change, in nanoseconds, of each file of a checkpoint."""


def stamp_of(path: Path) -> Stamp:
    """Return the stamp of a checkpoint, a file or a folder; empty if it cannot be read."""
    with contextlib.suppress(OSError):
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        found = [file.stat() for file in files]
        return tuple((one.st_size, one.st_mtime_ns) for one in found)
    return ()
