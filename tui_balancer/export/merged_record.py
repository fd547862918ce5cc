"""`merged.json`: which merged files a run has written, and what they were made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tui_balancer.ledger.records import FileRow, RunRecord
from tui_balancer.outputs.atomic import Replace, publish
from tui_balancer.outputs.layout import STEM_SUFFIX, temporary_path
from tui_balancer.outputs.sealing import seal

MERGED_STEM = "merged"
RECORD_NAME = f"{MERGED_STEM}.json"

STALE = ("", 0)
"""Stands for SHA-256 and size of a file that was not written to its end, or of older outputs."""


@dataclass(frozen=True, slots=True)
class MergedRecord:
    """What `merged.json` says.

    Attributes:
        run: When the run was created that wrote it.
        sources: What the merged files are made of, see `digest_of`.
        files: Inputs in the merged files.
        outputs: SHA-256 and size of each, by its name; see `STALE`.
    """

    run: float
    sources: str = ""
    files: int = 0
    outputs: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, run: RunRecord) -> MergedRecord:
        """Return a run's record; an empty one where there is none, or that of another run."""
        try:
            found = msgspec.json.decode((folder / RECORD_NAME).read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls(run.created_at)
        return found if found.run == run.created_at else cls(run.created_at)

    def write(self, folder: Path, replace: Replace) -> None:
        """Write it, whole or not at all.

        Raises:
            OSError: It cannot be written; `FileExistsError` if one is there that is not replaced.
        """
        final = folder / RECORD_NAME
        temporary = temporary_path(final.with_stem(f"{MERGED_STEM}{STEM_SUFFIX}"), 0)
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        seal(temporary)
        publish(temporary, final, replace)


def digest_of(rows: Sequence[FileRow]) -> str:
    """Return what tells apart the outputs that merged files are made of."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.output_sha256}  {row.file.output}\n".encode(errors="replace"))
    return digest.hexdigest()
