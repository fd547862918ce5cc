"""Disk space for outputs: estimates, and detection of a full disk. Imports no torch."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from tui_balancer.outputs.formats import DEFAULT_FORMATS, FORMATS, FormatName, outputs_of
from tui_balancer.representations import Representations

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})

FLOAT_BYTES = 4

PROBE_NAME = "space_ESM.pt.0.tmp"
"""Named like an unfinished output, so that a probe that was cut off is swept up like one."""

_LARGEST_PROBE_BYTES = 64 << 20
_BLOCK = bytes(1 << 20)


def is_disk_full(error: OSError) -> bool:
    """Whether a file could not be written because the disk, or the person's quota, is full."""
    return error.errno in _NO_SPACE


def output_bytes(
    sequences: int,
    residues: int,
    kept: Representations,
    files: int = 1,
    formats: Sequence[FormatName] = DEFAULT_FORMATS,
) -> int:
    """Estimate the size of outputs in bytes, with what is kept on the disk until they are there.

    Args:
        sequences: In them.
        residues: Of those; contacts are estimated as if all were of one length.
        kept: What is kept of each.
        files: How many inputs they are for.
        formats: What is written for each.
    """
    numbers = sequences * kept.numbers(ceil(residues / max(1, sequences)))
    each = sum(FORMATS[name].number_bytes for name in formats)
    vectors = numbers * (each if kept.fixed else each + FLOAT_BYTES)
    return vectors + sum(
        sequences * one.entry_bytes + files * one.file_bytes for one in outputs_of(formats)
    )


def has_room(folder: Path, size: int) -> bool:
    """Whether a file of `size` bytes, or of 64 MiB if that is less, can be written just now.

    Tries it: what the file system says of its free space holds for no quota.

    Raises:
        OSError: It cannot be tried, for another reason than a full disk.
    """
    path = folder / PROBE_NAME
    left = min(size, _LARGEST_PROBE_BYTES)
    try:
        with path.open("wb") as file:
            while left > 0:
                left -= file.write(_BLOCK[:left])
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if is_disk_full(error):
            return False
        raise
    finally:
        path.unlink(missing_ok=True)
    return True
