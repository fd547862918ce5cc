"""Every input of a run with its number, counts and output, and the units made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.balance.cost import forward_cost
from tui_balancer.balance.model import Lease, Unit
from tui_balancer.embedding.registry import ModelShape
from tui_balancer.inputs.scan import FileScan
from tui_balancer.outputs.layout import output_paths, temporary_path
from tui_balancer.outputs.partials import partial_path
from tui_balancer.workers.protocol import FileTask, Task


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """One input of the run: what the scan counted, and where its output goes."""

    scan: FileScan
    output: Path


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The run's files in input order; a unit's number is its file's position here.

    Attributes:
        files: Every input, the bad ones too.
        units: What the coordinator sees of each, in the same order.
    """

    files: tuple[CatalogueFile, ...]
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
        files = tuple(
            CatalogueFile(scan, folder / path) for scan, path in zip(scans, paths, strict=True)
        )
        units = tuple(
            Unit(
                unit_id=number,
                name=scan.input.name,
                sequences=scan.sequences,
                residues=scan.residues,
                cost=forward_cost(shape.layers, shape.width, scan.tokens, scan.squared_tokens),
            )
            for number, scan in enumerate(scans)
        )
        return cls(files, units)

    @property
    def good_units(self) -> tuple[Unit, ...]:
        """The units whose file could be read."""
        return tuple(
            unit for unit, file in zip(self.units, self.files, strict=True) if not file.scan.error
        )

    def task(self, lease: Lease) -> Task:
        """Return a lease as the worker sees it."""
        number = lease.unit.unit_id
        file = self.files[number]
        return Task(
            unit_id=number,
            epoch=lease.epoch,
            files=(
                FileTask(
                    file_id=number,
                    source=file.scan.input.path,
                    temporary=temporary_path(file.output, lease.epoch),
                    partial=partial_path(file.output),
                    source_sha256=file.scan.sha256,
                    sequences=file.scan.sequences,
                ),
            ),
        )
