"""The app's side of the shared queues: workers' words turned into the coordinator's."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tui_balancer.balance.coordinator import WorkStealingCoordinator
from tui_balancer.balance.model import Directive, Lease, Progress, Telemetry
from tui_balancer.formatting import plural
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import DeviceUsed, FileDone, FileFailed, FileRow, OutputRecord
from tui_balancer.outputs.atomic import publish, remove
from tui_balancer.outputs.layout import temporary_path
from tui_balancer.outputs.partials import discard_partial
from tui_balancer.outputs.space import is_disk_full
from tui_balancer.run.catalogue import Catalogue
from tui_balancer.run.hold import Hold
from tui_balancer.run.journal import Journal
from tui_balancer.workers.protocol import (
    DeviceFacts,
    FileResult,
    Order,
    Task,
    TaskProgress,
    TaskResult,
    TaskShare,
    WorkerId,
    WorkerTelemetry,
)

_NAMED = 3
"""How many missing sequences a line names."""

_LONGEST_ID = 40

STOPPED = "the run was stopped"
NO_SPACE = "there was no space for its output"
NOT_RECORDED = "the ledger could not take the lease"

RETURN_REASONS = frozenset({STOPPED, NO_SPACE, NOT_RECORDED})
"""Why leases come back, other than by a worker's death."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the finished outputs hold, added up; `missing` sequences did not fit into memory."""

    sequences: int = 0
    truncated: int = 0
    replaced: int = 0
    skipped: int = 0
    missing: int = 0

    @classmethod
    def of(cls, rows: Iterable[FileRow]) -> Tally:
        """Add up what the ledger says of finished files."""
        tally = cls()
        for row in rows:
            tally = Tally(
                tally.sequences + row.vectors,
                tally.truncated + row.truncated,
                tally.replaced + row.replaced,
                tally.skipped + row.skipped,
                tally.missing + row.missing,
            )
        return tally

    def plus(self, result: FileResult) -> Tally:
        """Return the tally with one more file."""
        return Tally(
            self.sequences + result.sequences,
            self.truncated + result.truncated,
            self.replaced + result.replaced,
            self.skipped + result.skipped,
            self.missing + len(result.failed_ids),
        )


class RunBoard:
    """Implements `workers.protocol.WorkBoard` over a coordinator and a catalogue.

    Outputs are put in place here, in the app process: a worker that dies after its report
    cannot leave a file half published, and a stale epoch's file is removed, never renamed.

    The ledger hears of a lease before the worker has it, and of an output after it is in place
    and before the coordinator counts it. A full disk at any of these steps, or in the worker,
    holds the run: the file waits, nobody is to blame.

    Attributes:
        tally: What the outputs hold.
        facts: What each device's newest worker found.
        asked: How often each device's workers asked for work.
    """

    def __init__(self, coordinator: WorkStealingCoordinator, journal: Journal, hold: Hold) -> None:
        self._coordinator = coordinator
        self._journal = journal
        self._hold = hold
        self._catalogue: Catalogue | None = None
        self._tally_lock = threading.Lock()
        self.tally = Tally()
        self.facts: dict[str, DeviceFacts] = {}
        self.asked: Counter[str] = Counter()
        self._busy: dict[WorkerId, float] = {}
        self._reported: dict[WorkerId, TaskProgress] = {}

    def open(self, catalogue: Catalogue) -> None:
        """Learn what the units mean that are about to be assigned."""
        self._catalogue = catalogue

    def hello(self, worker: WorkerId, facts: DeviceFacts) -> None:
        """See `WorkBoard.hello`."""
        self.facts[worker.device] = facts
        self._journal.note_device(self.used(worker.device))
        self._coordinator.worker_ready(worker.device, worker.incarnation, facts.name)

    def take_nowait(self, worker: WorkerId) -> Task | None:
        """See `WorkBoard.take_nowait`."""
        self.asked[worker.device] += 1
        if self._coordinator.finished_for(worker.device, worker.incarnation):
            return None
        lease = self._coordinator.take(worker.device, worker.incarnation)
        if lease is None:
            raise queue.Empty
        self._record(worker, lease)
        assert self._catalogue is not None, "the board is opened before units are assigned"
        return self._catalogue.task(lease)

    def peek(self, worker: WorkerId) -> Task | None:
        """See `WorkBoard.peek`."""
        unit = self._coordinator.head(worker.device)
        if unit is None or self._catalogue is None:
            return None
        return self._catalogue.task(Lease(unit, worker.device, epoch=0))

    def wait_for_work(self, worker: WorkerId, timeout: float) -> None:
        """See `WorkBoard.wait_for_work`."""
        self._coordinator.wait_for_work(worker.device, worker.incarnation, timeout)

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Order:
        """See `WorkBoard.progress`."""
        self._reported[worker] = progress
        directive = self._coordinator.report_progress(
            worker.device,
            worker.incarnation,
            progress.unit_id,
            progress.epoch,
            Progress(progress.sequences, progress.residues, progress.cost, progress.restored),
            progress.batch,
            computed=progress.computed,
        )
        return self._order(worker, directive)

    def planned(self, worker: WorkerId, unit_id: int, epoch: int, costs: Sequence[float]) -> None:
        """See `WorkBoard.planned`."""
        self._coordinator.learn_batches(worker.device, worker.incarnation, unit_id, epoch, costs)

    def share(self, worker: WorkerId, unit_id: int, epoch: int) -> TaskShare | None:
        """See `WorkBoard.share`."""
        share = self._coordinator.share(worker.device, worker.incarnation, unit_id, epoch)
        return TaskShare(share.spans, share.newest) if share is not None else None

    def part_done(
        self, worker: WorkerId, unit_id: int, epoch: int, compute_seconds: float
    ) -> Order:
        """See `WorkBoard.part_done`."""
        directive = self._coordinator.finish_part(
            worker.device, worker.incarnation, unit_id, epoch, compute_seconds
        )
        return self._order(worker, directive)

    def wait_while_paused(self, worker: WorkerId, timeout: float) -> Order:
        """See `WorkBoard.wait_while_paused`."""
        directive = self._coordinator.wait_while_paused(worker.device, worker.incarnation, timeout)
        return self._order(worker, directive)

    def finish(self, worker: WorkerId, result: TaskResult) -> None:
        """See `WorkBoard.finish`."""
        assert self._catalogue is not None, "a task was taken, so the catalogue is there"
        claimed = self._coordinator.begin_completion(
            worker.device, worker.incarnation, result.unit_id, result.epoch
        )
        full = [file.error for file in result.files if file.disk_full]
        if not claimed or full:
            for file in result.files:
                for output in self._catalogue.outputs(file.file_id):
                    with suppress(OSError):
                        remove(temporary_path(output, result.epoch))
        if claimed and full:
            self._hold.begin(full[0])
            self._coordinator.give_up_completion(result.unit_id, result.epoch, NO_SPACE)
        elif claimed:
            self._complete(result, self._catalogue)

    def _complete(self, result: TaskResult, catalogue: Catalogue) -> None:
        """Put a claimed unit's outputs in place, record them and count them, in this order."""
        failures = {file.file_id: file.error for file in result.files if file.error}
        done: list[FileResult] = []
        in_place = True
        for file in result.files:
            if file.error:
                continue
            try:
                for output in catalogue.outputs(file.file_id):
                    temporary = temporary_path(output, result.epoch)
                    in_place = in_place and self._insist(partial(publish, temporary, output))
                done.append(file)
            except OSError as problem:
                error = f"cannot put {output.name} in place: {problem.strerror}"
                failures[file.file_id] = error
        if len(result.files) == 1 and failures:
            (reason,) = failures.values()
            self._coordinator.record_file_failure(result.unit_id, result.epoch, reason)
            return
        if in_place:
            failed = (FileFailed(file_id, reason) for file_id, reason in failures.items())
            finished = (file_done(file, catalogue) for file in done)
            self._journal.note_done(result.unit_id, result.epoch, *finished, *failed)
        if not (in_place and self._insist(self._journal.flush)):
            self._coordinator.give_up_completion(result.unit_id, result.epoch, NO_SPACE)
            return
        newest = self._coordinator.newest_epoch(result.unit_id)
        discard_partial(catalogue.partial(result.unit_id), newest)
        for shard in catalogue.shards(result.unit_id):
            with suppress(OSError):
                remove(catalogue.output(shard))
        for file in done:
            if catalogue.files[file.file_id].is_shard:
                # It counts when it is part of its file's outputs.
                continue
            if file.failed_ids:
                name = catalogue.files[file.file_id].name
                self._coordinator.warn(_missing_line(name, file.failed_ids))
            with self._tally_lock:
                self.tally = self.tally.plus(file)
        self._coordinator.record_file_completion(
            result.unit_id, result.epoch, result.compute_seconds, failures
        )

    def _record(self, worker: WorkerId, lease: Lease) -> None:
        """See a lease written down before the worker has it, or take it back.

        Raises:
            queue.Empty: It was taken back.
        """
        try:
            self._journal.flush()
        except LedgerError as problem:
            self._hold.begin(str(problem))
            self._coordinator.return_lease(
                worker.device, worker.incarnation, lease.unit.unit_id, lease.epoch, NOT_RECORDED
            )
            raise queue.Empty from problem

    def _insist(self, step: Callable[[], None]) -> bool:
        """Carry out a step, again whenever the run goes on after a full disk had held it.

        Returns:
            Whether it was carried out; False when the run is being stopped meanwhile.

        Raises:
            OSError: It failed for another reason than a full disk.
        """
        while True:
            try:
                step()
                return True
            except LedgerError as problem:
                self._hold.begin(str(problem))
            except OSError as problem:
                if not is_disk_full(problem):
                    raise
                self._hold.begin(f"cannot put outputs in place: {problem.strerror}")
            if not self._hold.wait():
                return False

    def telemetry(self, worker: WorkerId, telemetry: WorkerTelemetry) -> None:
        """See `WorkBoard.telemetry`."""
        self._busy[worker] = telemetry.busy_seconds
        self._coordinator.record_telemetry(
            worker.device,
            worker.incarnation,
            Telemetry(
                telemetry.busy_seconds,
                telemetry.memory_used,
                telemetry.memory_total,
                telemetry.sensor_utilisation,
            ),
        )

    def used(self, device: str) -> DeviceUsed:
        """Return what is known of a device, of which there are facts, as the ledger records it."""
        facts = self.facts[device]
        row = next(one for one in self._coordinator.get_gpu_metrics() if one.device == device)
        return DeviceUsed(
            device=device,
            name=facts.name,
            weight=row.weight,
            threads=facts.threads,
            memory_bytes=facts.memory_total,
            load_seconds=facts.load_seconds,
            busy_seconds=self.busy_seconds(device),
            restarts=row.restarts,
        )

    def busy_seconds(self, device: str) -> float:
        """Return the seconds a device had a batch in flight, over all of its workers."""
        return sum(busy for worker, busy in self._busy.items() if worker.device == device)

    def _order(self, worker: WorkerId, directive: Directive) -> Order:
        """Pass a directive on; a worker that is told to abandon its task has no lease left."""
        if directive is Directive.ABANDON and (task := self._reported.pop(worker, None)):
            self._coordinator.return_lease(
                worker.device, worker.incarnation, task.unit_id, task.epoch, STOPPED
            )
        return Order(directive.value)


def file_done(file: FileResult, catalogue: Catalogue) -> FileDone:
    """Return a finished file as the ledger records it."""
    _, *others = catalogue.outputs(file.file_id)
    return FileDone(
        file_id=file.file_id,
        output_sha256=file.output_sha256,
        output_bytes=file.output_bytes,
        vectors=file.sequences,
        truncated=file.truncated,
        replaced=file.replaced,
        skipped=file.skipped,
        others=tuple(
            OutputRecord(str(output.relative_to(catalogue.folder)), written.sha256, written.bytes)
            for output, written in zip(others, file.others, strict=True)
        ),
    )


def _missing_line(name: str, ids: Sequence[str]) -> str:
    """Return which sequences an output does not have, the first of them by their ids."""
    shown = ", ".join(terminal_safe(one, _LONGEST_ID) for one in ids[:_NAMED])
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return (
        f"{name} is without {plural(len(ids), 'sequence')}, for want of memory: {shown}{more} "
        "(failed_ids in its metadata)"
    )
