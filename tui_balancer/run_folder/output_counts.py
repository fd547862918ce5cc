"""Counts over finished outputs, from the ledger or a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_balancer.ledger.records import FileRow
from tui_balancer.workers.wire.protocol import FileResult


@dataclass(frozen=True, slots=True)
class OutputCounts:
    """Counts over outputs.

    Attributes:
        sequences: Vectors in them.
        truncated: Sequences cut at the maximum length.
        replaced: Residues read as unknown.
        skipped: Sequences left out, as empty or too long.
        missing: Sequences left out because they did not fit into memory.
    """

    sequences: int = 0
    truncated: int = 0
    replaced: int = 0
    skipped: int = 0
    missing: int = 0

    @classmethod
    def of(cls, rows: Sequence[FileRow]) -> OutputCounts:
        """Add up what the ledger says of finished files."""
        return cls(
            sequences=sum(row.vectors for row in rows),
            truncated=sum(row.truncated for row in rows),
            replaced=sum(row.replaced for row in rows),
            skipped=sum(row.skipped for row in rows),
            missing=sum(row.missing for row in rows),
        )

    def plus(self, result: FileResult) -> OutputCounts:
        """Return the counts with one more file."""
        return OutputCounts(
            self.sequences + result.sequences,
            self.truncated + result.truncated,
            self.replaced + result.replaced,
            self.skipped + result.skipped,
            self.missing + len(result.failed_ids),
        )
