"""`merged.json`: which merged files a run has written, and what they were made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tui_balancer.ledger.records import FileRow, FileState, RunRecord
from tui_balancer.outputs.atomic import Replace, publish
from tui_balancer.outputs.layout import STEM_SUFFIX, marked_output, temporary_path

MERGED_STEM = "merged"
RECORD_NAME = f"{MERGED_STEM}.json"

TEMPORARY_STEM = f"{MERGED_STEM}{STEM_SUFFIX}"
"""Of unfinished ones, which are swept up with other unfinished outputs."""

STALE = ("", 0)
"""Stands for SHA-256 and size of a file that was not written to its end, or of older outputs."""


@dataclass(frozen=True, slots=True)
class MergedModel:
    """The finished files of one model of a run, which are merged.

    Attributes:
        mark: The model's mark in the names of outputs.
        stem: Of its merged files, `merged`, or `merged.MODEL` in a run with several models.
        rows: Its files, without shards.
    """

    mark: str
    stem: str
    rows: Sequence[FileRow]

    @property
    def record_name(self) -> str:
        """The name of its record."""
        return f"{self.stem}.json"

    @property
    def done(self) -> list[FileRow]:
        """Those of its files that have outputs."""
        return [row for row in self.rows if row.state is FileState.DONE]


def merged_models(marks: Sequence[str], rows: Sequence[FileRow] = ()) -> list[MergedModel]:
    """Return the models of a run.

    Args:
        marks: Of the models.
        rows: The run's files, without shards.
    """
    by_model: list[list[FileRow]] = [[] for _ in marks]
    for row in rows:
        by_model[marked_output(row.file.output, marks)].append(row)
    stems = [MERGED_STEM] if len(marks) == 1 else [f"{MERGED_STEM}.{one[1:]}" for one in marks]
    return [MergedModel(*one) for one in zip(marks, stems, by_model, strict=True)]


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
    def read(cls, path: Path, run: RunRecord) -> MergedRecord:
        """Return a run's record; an empty one where there is none, or that of another run."""
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls(run.created_at)
        return found if found.run == run.created_at else cls(run.created_at)

    def write(self, final: Path, replace: Replace) -> None:
        """Write it, whole or not at all.

        Raises:
            OSError: It cannot be written; `FileExistsError` if one is there that is not replaced.
        """
        temporary = temporary_path(final.with_stem(TEMPORARY_STEM), 0)
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        publish(temporary, final, replace)


def digest_of(rows: Sequence[FileRow]) -> str:
    """Return what tells apart the outputs that merged files are made of."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.output_sha256}  {row.file.output}\n".encode(errors="replace"))
    return digest.hexdigest()
