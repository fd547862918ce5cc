"""Checks the disk space for the remaining outputs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.formatting import plural
from tui_balancer.ledger.records import FileRecord
from tui_balancer.outputs.formats import DEFAULT_FORMATS, SHARD, FormatName
from tui_balancer.outputs.space import FLOAT_BYTES, has_room, output_bytes
from tui_balancer.representations import Representations

TIGHT = 1.2
"""Free space over the estimated outputs below which a warning is due: estimates are that good,
and others write too."""


@dataclass(frozen=True, slots=True)
class ToWrite:
    """What is still to be written of a model.

    Attributes:
        waiting: The files without an output.
        kept: What is kept of a sequence.
        shards: To be computed of those files, and kept until all of a file are there.
    """

    waiting: Sequence[FileRecord]
    kept: Representations
    shards: Sequence[FileRecord] = ()

    def bytes(self, formats: Sequence[FormatName]) -> int:
        """Return the size of it all."""
        sequences = sum(file.sequences for file in self.waiting)
        residues = sum(file.residues for file in self.waiting)
        needed = output_bytes(sequences, residues, self.kept, len(self.waiting), formats)
        if self.kept.fixed:
            # Rows of any size are in partial results as well, which that has counted.
            sequences = sum(file.sequences for file in self.shards)
            needed += sequences * (self.kept.numbers(0) * FLOAT_BYTES + SHARD.entry_bytes)
        return needed


def check_space(
    folder: Path, to_write: Sequence[ToWrite], formats: Sequence[FormatName] = DEFAULT_FORMATS
) -> list[str]:
    """Compare the remaining outputs with the free space; return a warning if it is tight.

    Args:
        folder: Where they will lie.
        to_write: Of each model.

    Raises:
        UserError: They cannot fit.
    """
    needed = sum(one.bytes(formats) for one in to_write)
    files = sum(len(one.waiting) for one in to_write)
    free = shutil.disk_usage(folder).free
    line = f"{plural(files, 'output')} will take about {_size(needed)}, {_size(free)} is free"
    if needed > free:
        raise UserError(f"{line} in {folder}: make room, or choose another folder with --output")
    return [f"{line}: that is tight"] if needed * TIGHT > free else []


def has_room_for_largest(
    folder: Path,
    files: Sequence[FileRecord],
    kept: Sequence[Representations],
    formats: Sequence[FormatName],
) -> bool:
    """Whether the largest of some files' outputs could be written just now.

    Args:
        folder: Where it will lie.
        kept: What each model keeps of a sequence.

    Raises:
        OSError: It cannot be tried, for another reason than a full disk.
    """
    sequences = max((file.sequences for file in files), default=0)
    residues = max((file.residues for file in files), default=0)
    sizes = (output_bytes(sequences, residues, one, formats=formats) for one in kept)
    return has_room(folder, max(sizes))


def _size(size: int) -> str:
    """Return bytes in the unit that suits them."""
    number = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
