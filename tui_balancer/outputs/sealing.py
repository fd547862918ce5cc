"""A written file made safe and measured."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.outputs.atomic import sha256_of


@dataclass(frozen=True, slots=True)
class Written:
    """An output that is safe on the disk.

    Attributes:
        sha256: Of its bytes, as read back; of a folder, of its `SHA256SUMS`.
        bytes: Their number; of a folder, that of all its files.
    """

    sha256: str
    bytes: int


def seal(path: Path) -> Written:
    """Sync a file and read it back.

    Raises:
        OSError: It did not work, e.g. because the disk is full.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Written(sha256_of(path), path.stat().st_size)
