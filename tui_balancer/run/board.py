"""The app's side of the shared queues: workers' words turned into the coordinator's."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass

from tui_balancer.balance.coordinator import WorkStealingCoordinator
from tui_balancer.balance.model import Directive, Progress, Telemetry
from tui_balancer.outputs.atomic import publish
from tui_balancer.outputs.layout import temporary_path
from tui_balancer.outputs.partials import discard_partial, partial_path
from tui_balancer.run.catalogue import Catalogue
from tui_balancer.workers.protocol import (
    DeviceFacts,
    FileResult,
    Order,
    Task,
    TaskProgress,
    TaskResult,
    WorkerId,
    WorkerTelemetry,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the finished outputs hold, added up."""

    sequences: int = 0
    truncated: int = 0
    replaced: int = 0
    skipped: int = 0

    def plus(self, result: FileResult) -> Tally:
        """Return the tally with one more file."""
        return Tally(
            self.sequences + result.sequences,
            self.truncated + result.truncated,
            self.replaced + result.replaced,
            self.skipped + result.skipped,
        )


class RunBoard:
    """Implements `workers.protocol.WorkBoard` over a coordinator and a catalogue.

    Outputs are put in place here, in the app process: a worker that dies after its report
    cannot leave a file half published, and a stale epoch's file is removed, never renamed.
    """

    def __init__(self, coordinator: WorkStealingCoordinator) -> None:
        self._coordinator = coordinator
        self._catalogue: Catalogue | None = None
        self._tally_lock = threading.Lock()
        self.tally = Tally()
        self.facts: dict[str, DeviceFacts] = {}
        self._busy: dict[WorkerId, float] = {}
        self._reported: dict[WorkerId, TaskProgress] = {}

    def open(self, catalogue: Catalogue) -> None:
        """Let workers take units of this catalogue; until now there was nothing to take."""
        self._catalogue = catalogue
        self._coordinator.assign(catalogue.good_units)

    def hello(self, worker: WorkerId, facts: DeviceFacts) -> None:
        """See `WorkBoard.hello`."""
        self.facts[worker.device] = facts
        self._coordinator.worker_ready(worker.device, worker.incarnation, facts.name)

    def take_nowait(self, worker: WorkerId) -> Task | None:
        """See `WorkBoard.take_nowait`."""
        if self._coordinator.finished_for(worker.device, worker.incarnation):
            return None
        lease = self._coordinator.take(worker.device, worker.incarnation)
        if lease is None or self._catalogue is None:
            raise queue.Empty
        return self._catalogue.task(lease)

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
            Progress(progress.sequences, progress.residues, progress.cost),
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
        (file,) = result.files
        output = self._catalogue.files[file.file_id].output
        temporary = temporary_path(output, result.epoch)
        if not claimed:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        error = file.error
        if not error:
            try:
                publish(temporary, output)
            except OSError as problem:
                error = f"cannot put {output.name} in place: {problem.strerror}"
        if error:
            self._coordinator.record_file_failure(result.unit_id, result.epoch, error)
            return
        discard_partial(partial_path(output))
        with self._tally_lock:
            self.tally = self.tally.plus(file)
        self._coordinator.record_file_completion(
            result.unit_id, result.epoch, result.compute_seconds
        )

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

    def busy_seconds(self, device: str) -> float:
        """Return the seconds a device had a batch in flight, over all of its workers."""
        return sum(busy for worker, busy in self._busy.items() if worker.device == device)

    def _order(self, worker: WorkerId, directive: Directive) -> Order:
        """Pass a directive on; a worker that is told to abandon its task has no lease left."""
        if directive is Directive.ABANDON and (task := self._reported.pop(worker, None)):
            self._coordinator.return_lease(
                worker.device, worker.incarnation, task.unit_id, task.epoch, "the run was stopped"
            )
        return Order(directive.value)
