"""The scan of a model's inputs: the records of its files, at the start of a run or later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.formatting import plural
from tui_balancer.inputs.scan import FileScan, ScanStopped
from tui_balancer.ledger.records import FileRecord
from tui_balancer.notices import Notice, Notices
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.outputs.layout import output_paths
from tui_balancer.run.prepare.duplicates import dereplicated
from tui_balancer.run.prepare.models import PreparedModel
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.scan_processes import scan_on_cores
from tui_balancer.run.prepare.stored import duplicate_index
from tui_balancer.run_folder.manifest import file_records, numbered_from
from tui_balancer.run_folder.shards import index_parts, with_costs_of
from tui_balancer.settings import Shards

OnFile = Callable[[int, int], None]
"""Called with the sequences and residues of every file read."""


@dataclass(frozen=True, slots=True)
class ScannedFiles:
    """The files of a model with their numbers in the run, and what was found in them."""

    files: Sequence[FileRecord]
    warnings: Sequence[Notice]


def scan_model(
    model: PreparedModel,
    prepared: PreparedRun,
    first: int,
    on_file: OnFile,
    stop: threading.Event,
    *,
    place: Path,
    taken: Collection[str] = (),
) -> ScannedFiles:
    """Scan a model's inputs.

    Args:
        model: The model with its inputs.
        first: Number of the first file in the run.
        on_file: See `OnFile`.
        stop: Ends the scan early.
        place: Where the plan of their duplicates belongs, see `plan_folder`.
        taken: Outputs of other inputs, see `output_paths`.

    Raises:
        ScanStopped: `stop` was set.
        OSError: The plan cannot be written.
        UserError: The store cannot be used.
    """
    settings = prepared.settings
    notices = Notices()
    with duplicate_index(model, settings.store, prepared.devices) as seen:
        scans = scan_on_cores(
            model.inputs,
            model.reading,
            on_progress=lambda done: on_file(done.counts.sequences, done.counts.residues),
            stop=stop,
            duplicate_index=seen,
            shard_bytes=settings.shards.size,
            notices=notices,
        )
    if stop.is_set():
        raise ScanStopped
    suffix = FORMATS[settings.outputs.formats[0]].suffix
    paths = output_paths([one.input for one in scans], suffix, model.mark, taken)
    shape, tokens = model.source.shape, model.embedding.batch_tokens
    files = file_records(scans, paths, shape, tokens, label=model.label)
    if seen is not None:
        parts = index_parts(scans, files)
        costed = dereplicated(parts, seen, place, shape, model.reading, tokens, first)
        files = with_costs_of(costed, files)
    undivided = undivided_warnings(scans, settings.shards, model.reading.segment_bytes)
    return ScannedFiles(numbered_from(first, files), (*notices.all(), *undivided))


def undivided_warnings(
    scans: Sequence[FileScan], shards: Shards, segment_bytes: int
) -> list[Notice]:
    """Return a warning if files are larger than a shard but not divided."""
    if not shards.explicit or shards.size is None:
        return []
    size = max(shards.size, segment_bytes)
    whole = [one for one in scans if one.size_bytes > size and not (one.segments or one.error)]
    if not whole:
        return []
    where = whole[0].input.name if len(whole) == 1 else plural(len(whole), "file")
    return [Notice(f"--shard cannot divide compressed files or a single record: {where}")]
