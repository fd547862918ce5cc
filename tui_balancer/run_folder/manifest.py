"""Every input of a run with its number, counts and output, and the units made of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import accumulate
from os.path import splitext
from pathlib import Path, PurePath

from msgspec.structs import replace

from tui_balancer.embedding.models import ModelShape
from tui_balancer.inputs.bundling import bundle_files
from tui_balancer.inputs.counts import Counts
from tui_balancer.inputs.scan import FileScan
from tui_balancer.inputs.segments import Stretch
from tui_balancer.ledger.records import FileRecord
from tui_balancer.outputs.dereplication import added_plans, plan_folder
from tui_balancer.outputs.formats import DEFAULT_FORMATS, SHARD, FormatName, outputs_of
from tui_balancer.outputs.layout import (
    STEM_SUFFIX,
    marked_output,
    output_paths,
    shard_path,
    temporary_path,
)
from tui_balancer.outputs.partials import partial_path
from tui_balancer.scheduler.model import PLAIN, Lease, Unit, UnitTraits, bundle_of
from tui_balancer.settings import Priority
from tui_balancer.workers.wire.protocol import FileTask, OutputTask, Task

JOINING_COST = 1.0
"""FLOPs of making a file's outputs of its shards: none to speak of, but a cost is positive."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The run's files by their numbers, as the ledger has them.

    Attributes:
        folder: The run folder, absolute.
        files: Every input, the bad ones too, shards behind their file; a number is a position. A
            run at work may `extend` them.
        bundles: The numbers of the files that share batches, by that of the first one; files
            that share with none are left out.
        formats: Of the outputs, at least one.
        marks: Of the run's models, in their order; see `layout.distinct_marks`.
        priorities: Of files by their names; only the units of a run at work need them.
        plans: Of each model, the first numbers of added files with a plan of their own for their
            duplicates, see `dereplication.added_plan`.
    """

    folder: Path
    files: list[FileRecord]
    bundles: dict[int, tuple[int, ...]] = field(default_factory=dict)
    formats: tuple[FormatName, ...] = DEFAULT_FORMATS
    marks: tuple[str, ...] = (STEM_SUFFIX,)
    priorities: tuple[Priority, ...] = ()
    plans: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def build(
        cls, scans: Sequence[FileScan], folder: Path, shape: ModelShape, batch_tokens: int
    ) -> Manifest:
        """Number the scanned files, cost them for a model, bundle them and lay out their outputs.

        Args:
            scans: In input order.
            folder: The run folder, absolute.
            shape: The model the costs are for.
            batch_tokens: Tokens of a batch, at most.
        """
        paths = output_paths([scan.input for scan in scans])
        return cls.of(file_records(scans, paths, shape, batch_tokens), folder)

    @classmethod
    def of(
        cls,
        files: Sequence[FileRecord],
        folder: Path,
        formats: tuple[FormatName, ...] = DEFAULT_FORMATS,
        marks: tuple[str, ...] = (STEM_SUFFIX,),
        priorities: tuple[Priority, ...] = (),
    ) -> Manifest:
        """Return the manifest of recorded files."""
        return cls(folder, list(files), _bundles(files), formats, marks, priorities)

    def extend(self, files: Sequence[FileRecord]) -> None:
        """Add files with the next numbers; other threads may read meanwhile."""
        self.bundles.update(_bundles(files))
        self.files.extend(files)

    def model(self, file_id: int) -> int:
        """Return the place of a file's model in the run, which its output tells."""
        return marked_output(self.files[file_id].output, self.marks)

    def file_unit(self, file_id: int) -> Unit:
        """Return a file or a shard as a single unit."""
        file = self.files[file_id]
        model, priority = self.model(file_id), self._priority(file)
        counts = (file.sequences, file.residues, file.cost)
        if file.shards:
            shards = tuple(self.shards(file_id))
            traits = UnitTraits(shards=shards, joined=counts, model=model, priority=priority)
            return Unit(file.file_id, file.name, 0, 0, JOINING_COST, traits)
        whole = file.whole if file.is_shard else None
        return Unit(file.file_id, file.name, *counts, _file_traits(whole, model, priority))

    def shards(self, file_id: int) -> range:
        """Return the numbers of a file's shards."""
        return range(file_id + 1, file_id + 1 + self.files[file_id].shards)

    def units(self, files: Iterable[Unit]) -> list[Unit]:
        """Return the units that files are leased in, in their order.

        Args:
            files: Each as a single unit, see `file_unit`; one that shares with none stays as it is.
        """
        grouped: defaultdict[int, list[Unit]] = defaultdict(list)
        for file in files:
            grouped[self.files[file.unit_id].unit].append(file)
        return [files[0] if len(files) == 1 else bundle_of(files) for files in grouped.values()]

    def _priority(self, file: FileRecord) -> int:
        """Return the priority of a file or of a shard's file."""
        if not self.priorities:
            return 0
        name = self.files[file.whole].full_name if file.is_shard else file.full_name
        last = name.rpartition("/")[2]
        return next(
            (
                one.number
                for one in reversed(self.priorities)
                if fnmatchcase(name if "/" in one.pattern else last, one.pattern)
            ),
            0,
        )

    @property
    def good_units(self) -> list[Unit]:
        """The units of all files that could be read."""
        return self.units(self.file_unit(file.file_id) for file in self.files if not file.error)

    def break_up(self, first: int) -> None:
        """Embed the files of a bundle one by one from now on."""
        self.bundles.pop(first, None)

    def output(self, file_id: int) -> Path:
        """Return where a file's first output belongs, absolute."""
        return self.folder / self.files[file_id].output

    def outputs(self, file_id: int) -> tuple[Path, ...]:
        """Return where all outputs of a file belong, absolute: one a format, and the index.

        A shard has one, from which those of its file are made.
        """
        return tuple(self.folder / output for output in self.output_names(file_id))

    def output_names(self, file_id: int) -> tuple[str, ...]:
        """Return the same as paths in the run folder."""
        file = self.files[file_id]
        if file.is_shard:
            return (file.output,)
        # A million outputs are named without a million paths.
        stem, _ = splitext(file.output)  # noqa: PTH122
        return tuple(f"{stem}{one.suffix}" for one in outputs_of(self.formats))

    def partial(self, unit_id: int) -> Path:
        """Return where the finished batches of a unit are kept: next to its first output."""
        return partial_path(self.output(unit_id))

    def task(self, lease: Lease, *, to_write: bool = True) -> Task:
        """Return a lease as the worker sees it; without outputs if it is only read ahead."""
        unit = lease.unit
        together = self.bundles.get(self.files[unit.unit_id].bundle, (unit.unit_id,))
        wanted = frozenset(unit.numbers)
        return Task(
            unit_id=unit.unit_id,
            epoch=lease.epoch,
            files=tuple(
                self._file_task(
                    file_id, lease.epoch if to_write else None, wanted=file_id in wanted
                )
                for file_id in together
            ),
            partial=self.partial(unit.unit_id),
            spans=lease.spans,
            model=unit.model,
            plan=self._plan(unit),
        )

    def find_plans(self) -> None:
        """Look which plans for duplicates of added files there are."""
        for number, mark in enumerate(self.marks):
            place = plan_folder(self.folder, mark if len(self.marks) > 1 else "")
            self.plans[number] = added_plans(place)

    def _plan(self, unit: Unit) -> int:
        """Return the first number of the files whose plan a unit uses; 0 for those of the start."""
        plans = self.plans.get(unit.model, [])
        before = bisect_right(plans, unit.unit_id)
        return plans[before - 1] if before else 0

    def _file_task(self, file_id: int, epoch: int | None, *, wanted: bool) -> FileTask:
        file = self.files[file_id]
        outputs: tuple[OutputTask, ...] = ()
        if epoch is not None:
            formats = (SHARD,) if file.is_shard else outputs_of(self.formats)
            outputs = tuple(
                OutputTask(one, temporary_path(path, epoch))
                for one, path in zip(formats, self.outputs(file_id), strict=True)
            )
        return FileTask(
            file_id=file_id,
            source=Path(file.source),
            source_sha256=file.sha256,
            outputs=outputs,
            wanted=wanted,
            stretch=stretch_of(file),
            shards=tuple(map(self.output, self.shards(file_id))),
        )


@lru_cache(maxsize=16)
def _file_traits(whole: int | None, model: int, priority: int) -> UnitTraits:
    """Return the traits of a file or shard, the same for those that are alike."""
    traits = UnitTraits(whole=whole, model=model, priority=priority)
    return PLAIN if traits == PLAIN else traits


def file_records(
    scans: Sequence[FileScan],
    outputs: Sequence[PurePath],
    shape: ModelShape,
    batch_tokens: int,
    first: int = 0,
    label: str = "",
) -> list[FileRecord]:
    """Return scanned files as the ledger keeps them, small ones in bundles, large ones divided.

    Args:
        outputs: Where the output of each belongs, relative to the run folder.
        shape: The model the costs are for.
        batch_tokens: Tokens of a batch, at most.
        first: Number of the first one in the manifest.
        label: What their names say of the model, in a run with several.
    """

    def cost(counts: Counts) -> float:
        return shape.flops(counts.tokens, counts.squared_tokens)

    tokens = [0 if scan.segments else scan.counts.tokens for scan in scans]
    bundles = bundle_files(tokens, batch_tokens)
    # Shards have the numbers after their file's.
    numbers = list(accumulate((1 + len(scan.shards) for scan in scans), initial=first))
    records: list[FileRecord] = []
    for number, scan, output, bundle in zip(numbers, scans, outputs, bundles, strict=False):
        name = labelled_name(scan.input.name, label)
        record = FileRecord(
            file_id=number,
            unit=numbers[bundle],
            bundle=numbers[bundle],
            name=name,
            source=scan.input.source,
            sha256=scan.sha256,
            size_bytes=scan.size_bytes,
            mtime_ns=scan.mtime_ns,
            output=str(output),
            sequences=scan.counts.sequences,
            residues=scan.counts.residues,
            cost=cost(scan.counts),
            error=scan.error,
            cause=scan.cause,
            shards=len(scan.shards),
            exact_name=scan.input.mirrored if scan.input.mirrored != name else "",
        )
        records.append(record)
        for place, shard in enumerate(scan.shards, start=1):
            records.append(
                replace(
                    record,
                    file_id=number + place,
                    unit=number + place,
                    bundle=number + place,
                    name=shard_name(record.name, place, len(scan.shards)),
                    exact_name="",
                    sha256=shard.sha256,
                    output=str(shard_path(output, place)),
                    sequences=shard.counts.sequences,
                    residues=shard.counts.residues,
                    cost=max(cost(shard.counts), JOINING_COST),
                    shards=0,
                    whole=number,
                    first_byte=shard.stretch.begin,
                    end_byte=shard.stretch.end,
                    records_before=shard.stretch.before,
                )
            )
    return records


def labelled_name(file: str, label: str) -> str:
    """Return what people see of a file in a run with several models: `sample.faa ⟨ESM⟩`."""
    return f"{file} ⟨{label}⟩" if label else file


def numbered_from(first: int, files: Sequence[FileRecord]) -> list[FileRecord]:
    """Return files that were numbered from 0 as they are behind others in the manifest."""
    return [
        replace(
            file,
            file_id=first + file.file_id,
            unit=first + file.unit,
            bundle=first + file.bundle,
            whole=first + file.whole if file.is_shard else file.whole,
        )
        for file in files
    ]


def shard_name(file: str, place: int, shards: int) -> str:
    """Return what people see of a shard, e.g. `huge.faa ⟨3/12⟩`."""
    return f"{file} ⟨{place}/{shards}⟩"


def stretch_of(file: FileRecord) -> Stretch | None:
    """Return what of its source a record stands for; None for all of it."""
    if not file.is_shard:
        return None
    return Stretch(file.first_byte, file.end_byte, file.records_before)


def _bundles(files: Iterable[FileRecord]) -> dict[int, tuple[int, ...]]:
    """Return the numbers of files that share batches, see `Manifest.bundles`."""
    sharing: defaultdict[int, list[int]] = defaultdict(list)
    for file in files:
        sharing[file.bundle].append(file.file_id)
    return {first: tuple(ids) for first, ids in sharing.items() if len(ids) > 1}
