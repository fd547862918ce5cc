"""Publishes a unit's outputs: rename, record, count; a full disk pauses the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tui_balancer.failures import Failure, FailureCause, FileError
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.ledger.changes import FileDone, FileFailed
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import OutputRecord
from tui_balancer.notices import EXAMPLES, Example, Notice, NoticeKind, Notices
from tui_balancer.outputs.atomic import Replace, place, remove, settle
from tui_balancer.outputs.layout import temporary_path
from tui_balancer.outputs.partials import discard_partial
from tui_balancer.outputs.space import is_disk_full
from tui_balancer.run.live.disk_full import DiskFullPause
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.run_folder.output_counts import OutputCounts
from tui_balancer.run_folder.presence import Presence
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import ReturnCause
from tui_balancer.workers.wire.protocol import FileResult, TaskResult, WorkerId

_LONGEST_ID = 40


class _NotPlaced(FileError):
    """A file's outputs cannot be published; the message says why."""


class Publisher:
    """Publishes what workers have written, as the last step of every computed unit.

    This happens in the app process: a worker that dies after its report cannot leave a file half
    published, and a stale epoch's file is removed, never renamed. The ledger records an output
    after it is in place and before the coordinator counts it. A full disk at any of these steps,
    or in the worker, pauses the run: the unit waits without a charged attempt. So does a missing
    run folder, which ends the run.

    A file at an output's path that this run did not write stays, and the input fails. The ledger
    records the run's ownership of outputs before they are put in place.

    Attributes:
        owned: Unfinished files at whose output paths this run has written.
        overwrite: Whether other files are replaced.
    """

    def __init__(
        self,
        coordinator: WorkStealingCoordinator,
        ledger_writer: LedgerWriter,
        disk_pause: DiskFullPause,
        presence: Presence,
    ) -> None:
        self._coordinator = coordinator
        self._ledger_writer = ledger_writer
        self._disk_pause = disk_pause
        self._presence = presence
        self._counts_lock = threading.Lock()
        self.output_counts = OutputCounts()
        self.owned: set[int] = set()
        self.overwrite = False

    def finish(self, worker: WorkerId, result: TaskResult, manifest: Manifest) -> None:
        """Finish a unit as its worker reports; a stale result leaves nothing.

        Args:
            result: The results of the unit's files.
        """
        claimed = self._coordinator.begin_completion(
            worker.device, worker.incarnation, result.unit_id, result.epoch
        )
        full = [file.error for file in result.files if file.disk_full]
        if not claimed or full:
            for file in result.files:
                for output in manifest.outputs(file.file_id):
                    with suppress(OSError):
                        remove(temporary_path(output, result.epoch))
        if claimed and self._presence.loss():
            self._give_up(result, ReturnCause.FOLDER_LOST)
        elif claimed and full:
            self._disk_pause.begin(full[0])
            self._give_up(result)
        elif claimed:
            self._publish(result, manifest)

    def _publish(self, result: TaskResult, manifest: Manifest) -> None:
        """Put a claimed unit's outputs in place, record them and count them, in this order."""
        failures = {
            file.file_id: Failure(file.error, file.cause) for file in result.files if file.error
        }
        done: list[FileResult] = []
        placed: list[tuple[Path, Path]] = []
        written = [file for file in result.files if not file.error]
        fresh = {file.file_id for file in written} - self.owned
        in_place = self._own(fresh)
        for file in written:
            replace = self._replaceable(file.file_id, fresh, manifest)
            outputs = [
                (temporary_path(output, result.epoch), output)
                for output in manifest.outputs(file.file_id)
            ]
            try:
                in_place = in_place and self._place(file.file_id, outputs, replace)
                done.append(file)
                placed += outputs
            except _NotPlaced as problem:
                failures[file.file_id] = Failure(str(problem), problem.cause)
        try:
            # Once for the unit: a sync of a folder costs more than all else of a tiny file.
            in_place = in_place and self._retry_while_full(partial(settle, placed))
        except OSError as problem:
            reason = f"cannot put the outputs in place: {problem.strerror}"
            failure = Failure(reason, FailureCause.NOT_WRITTEN)
            failures.update((file.file_id, failure) for file in done)
            done.clear()
        if failures and self._presence.loss():
            self._give_up(result, ReturnCause.FOLDER_LOST)
            return
        if len(result.files) == 1 and failures:
            (failure,) = failures.values()
            self._coordinator.record_file_failure(result.unit_id, result.epoch, failure)
            return
        if in_place:
            failed = (FileFailed(file_id, *failure) for file_id, failure in failures.items())
            finished = (_file_done(file, manifest) for file in done)
            self._ledger_writer.note_done(result.unit_id, result.epoch, *finished, *failed)
        if not (in_place and self._retry_while_full(self._ledger_writer.flush)):
            self._give_up(result)
            return
        newest = self._coordinator.newest_epoch(result.unit_id)
        discard_partial(manifest.partial(result.unit_id), newest)
        for shard in manifest.shards(result.unit_id):
            with suppress(OSError):
                remove(manifest.output(shard))
        for file in done:
            if manifest.files[file.file_id].is_shard:
                # A shard counts once it is part of its file's outputs.
                continue
            if file.failed_ids:
                name = manifest.files[file.file_id].name
                self._coordinator.warn(_missing(name, file.failed_ids))
            with self._counts_lock:
                self.output_counts = self.output_counts.plus(file)
        self.owned.difference_update(file.file_id for file in done)
        self._coordinator.record_file_completion(
            result.unit_id, result.epoch, result.compute_seconds, failures
        )

    def _own(self, file_ids: Collection[int]) -> bool:
        """Record that the run owns these files' outputs; return False if it is stopping."""
        if not file_ids:
            return True
        self._ledger_writer.note_owned(file_ids)
        self.owned.update(file_ids)
        return self._retry_while_full(self._ledger_writer.flush)

    def _replaceable(self, file_id: int, fresh: Collection[int], manifest: Manifest) -> Replace:
        """Return which existing files at a file's output paths may be replaced."""
        if file_id not in fresh or manifest.files[file_id].is_shard:
            return Replace.OLDER
        return Replace.FILES if self.overwrite else Replace.NOTHING

    def _place(self, file_id: int, outputs: Sequence[tuple[Path, Path]], replace: Replace) -> bool:
        """Put a file's outputs in place; return False if the run is stopping instead.

        Args:
            outputs: Temporary path and path of each.

        Raises:
            _NotPlaced: It is not possible; new files are removed.
        """
        placed: list[Path] = []
        for temporary, output in outputs:
            try:
                if not self._retry_while_full(partial(place, temporary, output, replace)):
                    return False
            except FileExistsError:
                if replace is not Replace.OLDER:
                    for one in (*placed, *(temporary for temporary, _ in outputs)):
                        with suppress(OSError):
                            remove(one)
                    self._ledger_writer.note_owned([file_id], owned=False)
                    self.owned.discard(file_id)
                raise _NotPlaced(
                    f"{output.name} exists, and this run did not write it. Move it away and retry",
                    FailureCause.OUTPUT_TAKEN,
                ) from None
            except OSError as problem:
                raise _NotPlaced(
                    f"cannot put {output.name} in place: {problem.strerror}",
                    FailureCause.NOT_WRITTEN,
                ) from problem
            placed.append(output)
        return True

    def _give_up(self, result: TaskResult, cause: ReturnCause = ReturnCause.DISK_FULL) -> None:
        self._coordinator.give_up_completion(result.unit_id, result.epoch, cause)

    def _retry_while_full(self, step: Callable[[], None]) -> bool:
        """Run a step, and repeat it after each pause for a full disk.

        Returns:
            Whether the step succeeded; False if the run is stopping.

        Raises:
            OSError: It failed for a reason other than a full disk.
        """
        while True:
            try:
                step()
                return True
            except LedgerError as problem:
                self._disk_pause.begin(str(problem))
            except OSError as problem:
                if not is_disk_full(problem):
                    raise
                self._disk_pause.begin(f"cannot put outputs in place: {problem.strerror}")
            if not self._disk_pause.wait():
                return False


def _file_done(file: FileResult, manifest: Manifest) -> FileDone:
    """Return the ledger's record of a finished file."""
    (_, first), *others = zip(manifest.output_names(file.file_id), file.written, strict=True)
    return FileDone(
        file_id=file.file_id,
        output_sha256=first.sha256,
        output_bytes=first.bytes,
        vectors=file.sequences,
        truncated=file.truncated,
        replaced=file.replaced,
        skipped=file.skipped,
        others=tuple(
            OutputRecord(output, written.sha256, written.bytes, written.mtime_ns)
            for output, written in others
        ),
        output_mtime_ns=first.mtime_ns,
    )


def _missing(name: str, ids: Sequence[str]) -> Notice:
    """Return a warning about sequences that are missing in an output."""
    found = Notices()
    examples = (Example(name, record=terminal_safe(one, _LONGEST_ID)) for one in ids[:EXAMPLES])
    found.add(NoticeKind.OUT_OF_MEMORY, len(ids), examples)
    (notice,) = found.all()
    return notice
