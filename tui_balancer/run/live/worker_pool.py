"""The workers of a run: their engine and their setup."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tui_balancer.device_names import card_workers
from tui_balancer.devices.sharing import memory_share
from tui_balancer.engines.engine import Engine
from tui_balancer.engines.worker_end import WorkerEnd
from tui_balancer.run.live.worker_service import WorkerService
from tui_balancer.run.prepare.cluster import Newcomers
from tui_balancer.run.prepare.devices import late_spec
from tui_balancer.run.prepare.new_device import new_device
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.stored import store_use
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.workers.wire.config import WorkerModel, WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId
from tui_balancer.workers.wire.queues import SharedWorkQueues


class WorkerPool:
    """Starts workers here or on a cluster, and reports their ends to the coordinator.

    Attributes:
        devices: Their devices by name; some join late.
        engine: Starts and stops them.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        folder: Path,
        coordinator: WorkStealingCoordinator,
        worker_service: WorkerService,
        queues: SharedWorkQueues,
        on_exit: Callable[[], None],
    ) -> None:
        """Set up the pool without starting a worker.

        Args:
            coordinator: Counts workers that start and end.
            queues: The queues through which they reach it.
            on_exit: Called after the coordinator has recorded a worker's end.
        """
        self._prepared = prepared
        self._folder = folder
        self._coordinator = coordinator
        self._queues = queues
        self._on_exit = on_exit
        self.devices = {one.device: one for one in prepared.devices}
        self._models = tuple(
            WorkerModel(one.source, one.embedding, one.reading, one.plan_mark)
            for one in prepared.models
        )
        self._spec = partial(
            late_spec,
            models=[one.rate_name for one in prepared.models],
            among=self.devices.values(),
        )
        self._adding = threading.Lock()
        self.engine = self._engine(worker_service)

    def add(self, device: str) -> None:
        """Add a device of this machine that the run does not have, without a worker.

        Does nothing if it has it. May take seconds, see `new_device`.

        Raises:
            UserError: There is none, or it cannot compute in this run.
        """
        with self._adding:
            if device not in self.devices:
                found = new_device(self._prepared, device, self.devices.values())
                self.devices[device] = found
                self._coordinator.add_device(self._spec(found), drained=True)

    def _engine(self, worker_service: WorkerService) -> Engine:
        prepared = self._prepared
        settings = self._models[0].settings
        newcomers = Newcomers(self._coordinator, self.devices, settings, self._spec)
        return prepared.access.engine(
            tuple(self.devices), worker_service, self._setup, self._exited, newcomers
        )

    def _setup(self, device: str) -> WorkerSetup:
        """Called by the engine before each start of a worker."""
        first, selected = self._models[0], self.devices[device]
        incarnation = self._coordinator.worker_starting(device)
        setup = WorkerSetup(
            worker=WorkerId(device, incarnation),
            threads=selected.threads,
            model=first.model,
            settings=first.settings,
            reading=first.reading,
            log=worker_log(self._folder, device),
            queues=self._queues,
            scratch=self._queues.folder,
            visible=selected.visible,
            folder=self._folder,
            mark=first.mark,
            models=self._models,
            store=store_use(self._prepared.settings.store, selected, self._prepared.devices),
            memory_share=memory_share(selected.memory_total, card_workers(self.devices)[device]),
        )
        return setup.with_model(self._coordinator.model_of(device))

    def _exited(self, worker: WorkerId, end: WorkerEnd) -> bool:
        """Called by the engine when a worker's process has ended; True restarts it."""
        restart = self._coordinator.worker_died(
            worker.device, worker.incarnation, end.words, charged=end.may_blame
        )
        self._on_exit()
        return restart


def worker_log(folder: Path, device: str) -> Path:
    """Return the path of the log of a device's workers in a run folder."""
    return folder / LOGS_FOLDER / f"worker-{re.sub('[:/]', '_', device)}.log"
