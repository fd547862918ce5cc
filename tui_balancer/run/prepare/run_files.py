"""The files of a run at the start of a session, from a new scan or the check of a stored one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePath

from msgspec import convert

from tui_balancer.failures import Failure
from tui_balancer.formatting import plural
from tui_balancer.inputs.discovery import InputFile
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.scan import FileScan, ScanStopped, scan, scan_file
from tui_balancer.ledger.changes import Change, FileReopened, FileRescanned
from tui_balancer.ledger.records import FileRecord, FileRow, FileState
from tui_balancer.ledger.writing import Ledger
from tui_balancer.notices import Notice, NoticeKind, Notices
from tui_balancer.outputs.atomic import sweep_temporaries
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.outputs.layout import output_paths
from tui_balancer.outputs.partials import sweep_partials
from tui_balancer.run.prepare.duplicates import dereplicated
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.resume import ResumePlan
from tui_balancer.run_folder.disk_space import check_space
from tui_balancer.run_folder.folder import RunFolder
from tui_balancer.run_folder.manifest import Manifest, file_records
from tui_balancer.run_folder.shards import index_parts, with_costs_of
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import WarningEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.settings import Shards

OnFile = Callable[[int, int], None]
"""Called with the sequences and residues of every file read."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The run's files at the start of a session.

    Attributes:
        rows: Rows of the ledger, in the same order.
        warnings: Warnings for the user.
    """

    manifest: Manifest
    rows: tuple[FileRow, ...]
    warnings: tuple[Notice, ...]

    def in_state(self, state: FileState) -> tuple[FileRow, ...]:
        """Return the files in one state."""
        return tuple(row for row in self.rows if row.state is state and not row.file.is_shard)

    @property
    def owned(self) -> set[int]:
        """Unfinished files at whose output paths this run has written before."""
        waiting = (*self.in_state(FileState.WAITING), *self.in_state(FileState.FAILED))
        return {row.file.file_id for row in waiting if row.owned}

    def shards_of(self, files: Sequence[FileRow]) -> tuple[FileRow, ...]:
        """Return the shards of files, in any state."""
        numbers = (self.manifest.shards(row.file.file_id) for row in files if row.file.shards)
        return tuple(self.rows[number] for number in chain.from_iterable(numbers))

    def assign_to(self, coordinator: WorkStealingCoordinator, files: Sequence[Unit]) -> None:
        """Register done, failed and waiting files with the coordinator.

        Workers may get leases from then on, so the code that turns a lease into a task must have
        the files first.

        Args:
            coordinator: The run's coordinator, without units yet.
            files: Each of the files as a single unit, at its number.
        """
        files_waiting = self.in_state(FileState.WAITING)
        candidates = (*files_waiting, *self.shards_of(files_waiting))
        waiting = {row.file.file_id: row for row in candidates if row.state is FileState.WAITING}
        for row in self.rows:
            if row.state is FileState.DONE:
                coordinator.add_done(files[row.file.file_id])
            elif row.file.file_id not in waiting:
                # A shard of a failed file is not computed, in any state.
                failure = Failure("its file has failed")
                if row.state is FileState.FAILED:
                    failure = Failure(row.reason, row.file.cause)
                coordinator.add_failed(files[row.file.file_id], failure, by_hand=row.by_hand)
        # The files of a unit were leased together, so one represents all.
        coordinator.assign(
            self.manifest.units(list(waiting)),
            attempts={row.file.unit: row.attempts for row in waiting.values()},
            deaths={row.file.unit: row.deaths for row in waiting.values() if row.deaths},
        )


def find_run_files(
    prepared: PreparedRun, folder: RunFolder, on_file: OnFile, stop: threading.Event
) -> RunFiles:
    """Scan a new run's inputs, or check a stored run's outputs and scan its changed inputs.

    Results go into the ledger at once.

    Raises:
        ScanStopped: `stop` was set; the ledger is unchanged.
        LedgerError: The ledger cannot be written.
        UserError: The outputs do not fit on the disk.
    """
    if prepared.resume_plan is None:
        warnings = _scan_all(prepared, folder, on_file, stop)
    else:
        warnings = _check(prepared, prepared.resume_plan, folder.ledger, on_file, stop)
    rows = folder.ledger.files()
    formats = prepared.settings.outputs.formats
    run_files = RunFiles(Manifest.of([row.file for row in rows], folder.path, formats), rows, ())
    waiting = run_files.in_state(FileState.WAITING)
    shards = [row for row in run_files.shards_of(waiting) if row.state is FileState.WAITING]
    warnings += map(Notice, check_space(folder.path, waiting, prepared.kept, formats, shards))
    return replace(run_files, warnings=tuple(warnings))


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


def _scan_all(
    prepared: PreparedRun, folder: RunFolder, on_file: OnFile, stop: threading.Event
) -> list[Notice]:
    """Scan and record every input of a run that is new or has no complete scan."""
    duplicate_index = DuplicateIndex() if prepared.settings.embedding.dereplicate else None
    notices = Notices()
    scans = scan(
        prepared.inputs,
        prepared.settings.reading,
        on_progress=lambda done: on_file(done.counts.sequences, done.counts.residues),
        stop=stop,
        duplicate_index=duplicate_index,
        shard_bytes=prepared.settings.shards.size,
        notices=notices,
    )
    if stop.is_set():
        raise ScanStopped
    suffix = FORMATS[prepared.settings.outputs.formats[0]].suffix
    paths = output_paths([one.input for one in scans], suffix)
    shape, tokens = prepared.model.shape, prepared.embedding.batch_tokens
    files = file_records(scans, paths, shape, tokens)
    if prepared.settings.overwrite:
        # Leftovers of a run whose ledger is lost.
        outputs = [file.output for file in files]
        sweep_temporaries(folder.path, outputs)
        sweep_partials(folder.path, outputs)
    if duplicate_index is not None:
        rules = prepared.settings.reading
        parts = index_parts(scans, files)
        costed = dereplicated(parts, duplicate_index, folder.path, shape, rules, tokens)
        files = with_costs_of(costed, files)
    folder.ledger.record_scan(files, time.time())
    segment_bytes = prepared.settings.reading.segment_bytes
    undivided = undivided_warnings(scans, prepared.settings.shards, segment_bytes)
    return [*notices.all(), *undivided]


def _check(
    prepared: PreparedRun,
    resume_plan: ResumePlan,
    ledger: Ledger,
    on_file: OnFile,
    stop: threading.Event,
) -> list[Notice]:
    """Update the ledger of a stored run to its inputs and outputs."""
    notices = Notices()
    redone: list[str] = []
    full = resume_plan.full_check

    def scanned(file: InputFile, shard_bytes: int | None = None) -> FileScan:
        found = scan_file(
            file, prepared.settings.reading, stop, shard_bytes=shard_bytes, notices=notices
        )
        on_file(found.counts.sequences, found.counts.residues)
        return found

    def recorded(
        scans: Sequence[FileScan], outputs: Sequence[PurePath], first: int
    ) -> list[FileRecord]:
        tokens = prepared.embedding.batch_tokens
        return file_records(scans, outputs, prepared.model.shape, tokens, first)

    changes: list[Change] = []
    rows = ledger.files()
    waiting: set[int] = set()
    for row in rows:
        file = row.file
        if stop.is_set():
            raise ScanStopped
        if file.is_shard:
            # The shards of a finished file are no longer needed.
            if file.whole in waiting and (reason := _shard_flaw(prepared.folder, row, full)):
                changes.append(FileReopened(file.file_id, reason))
            continue
        if file.file_id in resume_plan.rescanned:
            source = InputFile(file.source, file.full_name)
            changes += map(
                FileRescanned, recorded([scanned(source)], [PurePath(file.output)], file.file_id)
            )
            continue
        reason = _retry_words(row) if file.file_id in resume_plan.reopened else ""
        if not reason and row.state is FileState.DONE:
            reason = _flaw(prepared.folder, row, full)
            if reason:
                redone.append(f"{file.name}: {reason}")
        if reason:
            changes.append(FileReopened(file.file_id, reason))
        if reason or row.state is FileState.WAITING:
            waiting.add(file.file_id)
        on_file(file.sequences, file.residues)
    outputs = [output for _, output in resume_plan.added]
    size = prepared.settings.shards.size
    scanned_now = [scanned(file, size) for file, _ in resume_plan.added]
    added = recorded(scanned_now, outputs, len(rows))
    if changes:
        ledger.append(None, *changes)
    if added:
        ledger.record_scan(added, time.time())
    warnings = [*_earlier_notices(prepared, ledger), *notices.all()]
    if redone:
        text = f"{plural(len(redone), 'output')} will be made again ({redone[0]})"
        warnings.append(Notice(text))
    return warnings


def _earlier_notices(prepared: PreparedRun, ledger: Ledger) -> list[Notice]:
    """Return what earlier sessions found in inputs, which are not scanned again."""
    kind = str(WarningEvent.__struct_config__.tag)
    stored = (convert(payload["notice"], Notice) for payload in ledger.payloads(kind))
    found_now = {
        *(NoticeKind.RUN, NoticeKind.OUT_OF_MEMORY),
        *(notice.kind for notice in prepared.warnings),
    }
    return list(dict.fromkeys(notice for notice in stored if notice.kind not in found_now))


def _shard_flaw(folder: Path, row: FileRow, full: bool) -> str:
    """Return why a shard of a waiting file must be computed again; empty if not needed."""
    if row.state is FileState.FAILED:
        return _retry_words(row)
    return _flaw(folder, row, full) if row.state is FileState.DONE else ""


def _retry_words(row: FileRow) -> str:
    """Return why an ended file is retried."""
    if row.missing:
        return f"retried: its output lacked {plural(row.missing, 'sequence')}"
    return f"retried: it had failed: {row.reason}"


def _flaw(folder: Path, row: FileRow, full: bool) -> str:
    """Return what is wrong with a file's outputs; empty if they are intact."""
    for one in row.outputs:
        mtime_ns = 0 if full else one.mtime_ns
        if reason := flaw(folder / one.output, one.sha256, one.bytes, mtime_ns):
            return reason
    return ""
