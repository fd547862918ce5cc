"""The files of a run at the start of a session, from a new scan or the check of a stored one."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePath

from msgspec import convert

from tui_balancer.failures import Failure
from tui_balancer.formatting import plural
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.scan import FileScan, ScanStopped, scan_file
from tui_balancer.ledger.changes import Change, FileReopened, FileRescanned
from tui_balancer.ledger.records import FileRecord, FileRow, FileState
from tui_balancer.ledger.writing import Ledger
from tui_balancer.notices import Notice, NoticeKind, Notices
from tui_balancer.outputs.atomic import sweep_temporaries
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.dereplication import plan_folder
from tui_balancer.outputs.layout import marked_output
from tui_balancer.outputs.partials import sweep_partials
from tui_balancer.run.prepare.models import PreparedModel
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.resume import ResumePlan
from tui_balancer.run.prepare.scanning import OnFile, scan_model
from tui_balancer.run_folder.disk_space import ToWrite, check_space
from tui_balancer.run_folder.folder import RunFolder
from tui_balancer.run_folder.manifest import Manifest, file_records
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import WarningEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.view.handle import EarlierWork


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

    def waiting_for(self, model: int) -> tuple[FileRow, ...]:
        """Return the waiting files of the model with this place in the run."""
        waiting = self.in_state(FileState.WAITING)
        return tuple(row for row in waiting if self.manifest.model(row.file.file_id) == model)

    @property
    def earlier(self) -> EarlierWork:
        """What was finished before this session."""
        done = self.in_state(FileState.DONE)
        parts = self.shards_of(self.in_state(FileState.WAITING))
        finished = (row for row in (*done, *parts) if row.state is FileState.DONE)
        return EarlierWork(
            files=len(done),
            sequences=sum(row.vectors for row in done),
            residues=sum(row.file.residues for row in finished),
        )

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
        done = (row.file.file_id for row in self.rows if row.state is FileState.DONE)
        coordinator.add_done(*(files[number] for number in done))
        for row in self.rows:
            if row.state is not FileState.DONE and row.file.file_id not in waiting:
                # A shard of a failed file is not computed, in any state.
                failure = Failure("its file has failed")
                if row.state is FileState.FAILED:
                    failure = Failure(row.reason, row.file.cause)
                coordinator.add_failed(files[row.file.file_id], failure, by_hand=row.by_hand)
        # The files of a unit were leased together, so one represents all.
        coordinator.assign(
            self.manifest.units(files[number] for number in waiting),
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
        rows, warnings = _scan_all(prepared, folder, on_file, stop)
    else:
        rows, warnings = _check(prepared, prepared.resume_plan, folder.ledger, on_file, stop)
    formats = prepared.settings.outputs.formats
    marks = prepared.settings.output_marks
    priorities = prepared.settings.balancing.priorities
    manifest = Manifest.of([row.file for row in rows], folder.path, formats, marks, priorities)
    manifest.find_plans()
    run_files = RunFiles(manifest, rows, ())
    to_write = []
    for number, model in enumerate(prepared.models):
        waiting = run_files.waiting_for(number)
        shards = [row for row in run_files.shards_of(waiting) if row.state is FileState.WAITING]
        files, parts = ([row.file for row in rows] for rows in (waiting, shards))
        to_write.append(ToWrite(files, model.kept, parts))
    warnings += map(Notice, check_space(folder.path, to_write, formats))
    return replace(run_files, warnings=tuple(warnings))


def _scan_all(
    prepared: PreparedRun, folder: RunFolder, on_file: OnFile, stop: threading.Event
) -> tuple[tuple[FileRow, ...], list[Notice]]:
    """Scan and record every input of a run that is new or has no complete scan.

    Returns the rows that the ledger has then, and warnings.
    """
    files: list[FileRecord] = []
    warnings: list[Notice] = []
    for model in prepared.models:
        place = plan_folder(folder.path, model.plan_mark)
        scanned = scan_model(model, prepared, len(files), on_file, stop, place=place)
        files += scanned.files
        warnings += scanned.warnings
    if prepared.settings.overwrite:
        # Leftovers of a run whose ledger is lost.
        outputs = [file.output for file in files]
        sweep_temporaries(folder.path, outputs)
        sweep_partials(folder.path, outputs)
    folder.ledger.record_scan(files, time.time())
    # Those that the ledger would return have their own copies of all paths.
    return tuple(map(FileRow.of_new, files)), list(dict.fromkeys(warnings))


def _check(
    prepared: PreparedRun,
    resume_plan: ResumePlan,
    ledger: Ledger,
    on_file: OnFile,
    stop: threading.Event,
) -> tuple[tuple[FileRow, ...], list[Notice]]:
    """Update the ledger of a stored run to its inputs and outputs.

    Returns the rows that it has then, and warnings.
    """
    notices = Notices()
    redone: list[str] = []
    full = resume_plan.full_check
    models, marks = prepared.models, prepared.settings.output_marks

    def model_of(output: str | PurePath) -> PreparedModel:
        return models[marked_output(str(output), marks)]

    def scanned(file: InputFile, model: PreparedModel, shard_bytes: int | None = None) -> FileScan:
        found = scan_file(file, model.reading, stop, shard_bytes=shard_bytes, notices=notices)
        on_file(found.counts.sequences, found.counts.residues)
        return found

    def recorded(
        scans: Sequence[FileScan], outputs: Sequence[PurePath], model: PreparedModel, first: int
    ) -> list[FileRecord]:
        shape, tokens = model.source.shape, model.embedding.batch_tokens
        return file_records(scans, outputs, shape, tokens, first, model.label)

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
            source, model = InputFile(file.source, file.full_name), model_of(file.output)
            again = recorded([scanned(source, model)], [PurePath(file.output)], model, file.file_id)
            changes += map(FileRescanned, again)
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
    size = prepared.settings.shards.size
    added: list[FileRecord] = []
    for model in models:
        new = [(file, path) for file, path in resume_plan.added if model_of(path) is model]
        scans = [scanned(file, model, size) for file, _ in new]
        added += recorded(scans, [path for _, path in new], model, len(rows) + len(added))
    if changes:
        ledger.append(None, *changes)
    if added:
        ledger.record_scan(added, time.time())
    warnings = [*_earlier_notices(prepared, ledger), *notices.all()]
    if redone:
        text = f"{plural(len(redone), 'output')} will be made again ({redone[0]})"
        warnings.append(Notice(text))
    return ledger.files() if changes or added else rows, warnings


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
        if reason := flaw(f"{folder}/{one.output}", one.sha256, one.bytes, mtime_ns):
            return reason
    return ""
