"""The app's side of the shared queues: translates workers' calls for the coordinator."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Sequence

from tui_balancer.leases import Directive, Share
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import DeviceUsed
from tui_balancer.run.live.disk_full import DiskFullPause
from tui_balancer.run.live.publisher import Publisher
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.run_folder.presence import Presence
from tui_balancer.samples import Telemetry
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import Lease, ReturnCause
from tui_balancer.workers.wire.protocol import DeviceFacts, Task, TaskProgress, TaskResult, WorkerId


class WorkerService:
    """Implements `workers.wire.protocol.WorkerApi` over a coordinator and a manifest.

    The ledger records a lease before the worker gets it. A full disk at that step pauses the run:
    the unit waits without a charged attempt.

    Attributes:
        facts: What each device's newest worker reported.
        asked: Number of requests for work by each device's workers.
        manifest: What the units mean; None before they are about to be assigned.
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
        self.manifest: Manifest | None = None
        self.publisher = Publisher(coordinator, ledger_writer, disk_pause, presence)
        self.facts: dict[str, DeviceFacts] = {}
        self.asked: Counter[str] = Counter()
        self._busy: dict[WorkerId, float] = {}
        self._reported: dict[WorkerId, TaskProgress] = {}

    def hello(self, worker: WorkerId, facts: DeviceFacts) -> None:
        """See `WorkerApi.hello`."""
        self.facts[worker.device] = facts
        self._ledger_writer.note_device(self.used(worker.device))
        self._coordinator.worker_ready(
            worker.device, worker.incarnation, facts.name, facts.model, facts.model_seconds
        )

    def take_nowait(self, worker: WorkerId) -> Task | None:
        """See `WorkerApi.take_nowait`."""
        self.asked[worker.device] += 1
        if self._coordinator.finished_for(worker.device, worker.incarnation):
            return None
        lease = self._coordinator.take(worker.device, worker.incarnation)
        if lease is None:
            raise queue.Empty
        self._record(worker, lease)
        assert self.manifest is not None, "it is known before units are assigned"
        return self.manifest.task(lease)

    def peek(self, worker: WorkerId) -> Task | None:
        """See `WorkerApi.peek`."""
        unit = self._coordinator.head(worker.device)
        if unit is None or self.manifest is None:
            return None
        return self.manifest.task(Lease(unit, worker.device, epoch=0), to_write=False)

    def wait_for_work(self, worker: WorkerId, timeout: float) -> None:
        """See `WorkerApi.wait_for_work`."""
        self._coordinator.wait_for_work(worker.device, worker.incarnation, timeout)

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Directive:
        """See `WorkerApi.progress`."""
        self._reported[worker] = progress
        directive = self._coordinator.report_progress(
            worker.device,
            worker.incarnation,
            progress.unit_id,
            progress.epoch,
            progress.done,
            progress.batch,
            computed=progress.computed,
        )
        return self._order(worker, directive)

    def planned(self, worker: WorkerId, unit_id: int, epoch: int, costs: Sequence[float]) -> None:
        """See `WorkerApi.planned`."""
        self._coordinator.learn_batches(worker.device, worker.incarnation, unit_id, epoch, costs)

    def share(self, worker: WorkerId, unit_id: int, epoch: int) -> Share | None:
        """See `WorkerApi.share`."""
        return self._coordinator.share(worker.device, worker.incarnation, unit_id, epoch)

    def part_done(
        self, worker: WorkerId, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        """See `WorkerApi.part_done`."""
        directive = self._coordinator.finish_part(
            worker.device, worker.incarnation, unit_id, epoch, compute_seconds
        )
        return self._order(worker, directive)

    def wait_while_paused(self, worker: WorkerId, timeout: float) -> Directive:
        """See `WorkerApi.wait_while_paused`."""
        directive = self._coordinator.wait_while_paused(worker.device, worker.incarnation, timeout)
        return self._order(worker, directive)

    def finish(self, worker: WorkerId, result: TaskResult) -> None:
        """See `WorkerApi.finish`."""
        assert self.manifest is not None, "a task was taken, so the catalogue is there"
        self.publisher.finish(worker, result, self.manifest)

    def _record(self, worker: WorkerId, lease: Lease) -> None:
        """Record a lease before the worker gets it, or withdraw it.

        Raises:
            queue.Empty: It was withdrawn.
        """
        try:
            self._ledger_writer.flush()
        except LedgerError as problem:
            self._disk_pause.begin(str(problem))
            self._coordinator.return_lease(
                worker.device,
                worker.incarnation,
                lease.unit.unit_id,
                lease.epoch,
                ReturnCause.NOT_RECORDED,
            )
            raise queue.Empty from problem

    def telemetry(self, worker: WorkerId, telemetry: Telemetry) -> None:
        """See `WorkerApi.telemetry`."""
        self._busy[worker] = telemetry.busy_seconds
        self._coordinator.record_telemetry(worker.device, worker.incarnation, telemetry)

    def used(self, device: str) -> DeviceUsed:
        """Return the ledger's record of a device that has reported facts."""
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
        """Return the seconds a device had a batch in flight, summed over its workers."""
        return sum(busy for worker, busy in self._busy.items() if worker.device == device)

    def _order(self, worker: WorkerId, directive: Directive) -> Directive:
        """Return a directive for a worker; one that must abandon its unit has no lease left."""
        if directive is Directive.ABANDON and (task := self._reported.pop(worker, None)):
            self._coordinator.return_lease(
                worker.device, worker.incarnation, task.unit_id, task.epoch, ReturnCause.STOPPED
            )
        return directive
