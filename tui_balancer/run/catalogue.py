"""Every input of a run with its number, counts and output, and the units made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tui_balancer.balance.cost import forward_cost
from tui_balancer.balance.model import Lease, Unit
from tui_balancer.embedding.registry import ModelShape
from tui_balancer.inputs.scan import FileScan
from tui_balancer.ledger.records import FileRecord
from tui_balancer.outputs.layout import output_paths, temporary_path
from tui_balancer.outputs.partials import partial_path
from tui_balancer.workers.protocol import FileTask, Task


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The run's files by their numbers, as the ledger has them; each is a unit of its own.

    Attributes:
        folder: The run folder, absolute.
        files: Every input, the bad ones too; a file's number is its position.
        units: What the coordinator sees of each, in the same order.
    """

    folder: Path
    files: tuple[FileRecord, ...]
    units: tuple[Unit, ...]

    @classmethod
    def build(cls, scans: Sequence[FileScan], folder: Path, shape: ModelShape) -> Catalogue:
        """Number the scanned files, cost them for a model and lay out their outputs.

        Args:
            scans: In input order.
            folder: The run folder, absolute.
            shape: The model the costs are for.
        """
        paths = output_paths([scan.input for scan in scans])
        files = [
            file_record(number, scan, path, shape)
            for number, (scan, path) in enumerate(zip(scans, paths, strict=True))
        ]
        return cls.of(files, folder)

    @classmethod
    def of(cls, files: Sequence[FileRecord], folder: Path) -> Catalogue:
        """Return the catalogue of recorded files."""
        units = (
            Unit(file.file_id, file.name, file.sequences, file.residues, file.cost)
            for file in files
        )
        return cls(folder, tuple(files), tuple(units))

    @property
    def good_units(self) -> tuple[Unit, ...]:
        """The units whose file could be read."""
        return tuple(
            unit for unit, file in zip(self.units, self.files, strict=True) if not file.error
        )

    def output(self, file_id: int) -> Path:
        """Return where a file's output belongs, absolute."""
        return self.folder / self.files[file_id].output

    def task(self, lease: Lease) -> Task:
        """Return a lease as the worker sees it."""
        number = lease.unit.unit_id
        file, output = self.files[number], self.output(number)
        return Task(
            unit_id=number,
            epoch=lease.epoch,
            files=(
                FileTask(
                    file_id=number,
                    source=Path(file.source),
                    temporary=temporary_path(output, lease.epoch),
                    source_sha256=file.sha256,
                    sequences=file.sequences,
                ),
            ),
            partial=partial_path(output),
            spans=lease.spans,
        )


def file_record(number: int, scan: FileScan, output: PurePath, shape: ModelShape) -> FileRecord:
    """Return a scanned file as the ledger keeps it.

    Args:
        number: Its number in the catalogue.
        scan: What is in it.
        output: Where its output belongs, relative to the run folder.
        shape: The model its cost is for.
    """
    return FileRecord(
        file_id=number,
        unit=number,
        name=scan.input.name,
        source=str(scan.input.path),
        sha256=scan.sha256,
        size_bytes=scan.size_bytes,
        mtime_ns=scan.mtime_ns,
        output=str(output),
        sequences=scan.sequences,
        residues=scan.residues,
        cost=forward_cost(shape.layers, shape.width, scan.tokens, scan.squared_tokens),
        error=scan.error,
    )
