"""The periodic tasks of a run, about once a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tui_balancer.engines.engine import Engine
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.run.live.disk_full import DiskFullPause
from tui_balancer.run.live.idle_release import IdleRelease
from tui_balancer.run.live.stopping import STOP_GRACE_SECONDS
from tui_balancer.run.live.watchdog import Watchdog
from tui_balancer.run.live.worker_service import WorkerService
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run_folder.disk_space import has_room_for_largest
from tui_balancer.run_folder.folder import RunFolder
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.run_folder.presence import FolderLost
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator

SPACE_CHECK_SECONDS = 5.0
"""Seconds between checks for free disk space, without a screen."""

DEVICES_SECONDS = 10.0
"""Seconds between records of the devices' busy time, for the report of a killed run."""


@dataclass(eq=False, slots=True)
class Maintenance:
    """The periodic tasks: workers, watchdog, ledger, end of a pause for a full disk.

    Attributes:
        idle_release: Drains idle devices, if that is asked for.
        clock: Seconds that never go back.
    """

    engine: Engine
    coordinator: WorkStealingCoordinator
    worker_service: WorkerService
    ledger_writer: LedgerWriter
    disk_pause: DiskFullPause
    watchdog: Watchdog
    folder: RunFolder
    prepared: PreparedRun
    idle_release: IdleRelease | None
    clock: Callable[[], float]
    _next_space_check: float = 0.0
    _next_device_note: float = 0.0

    def tick(self, *, unattended: bool) -> None:
        """Run the tasks that are due.

        Args:
            unattended: No user is at a screen: a full disk pauses the run only until
                there is room again.

        Raises:
            FolderLost: The run folder or its ledger is gone.
        """
        if loss := self.folder.presence.loss():
            raise FolderLost(loss)
        pids = self.engine.pids()
        self._follow_devices(pids)
        rows = self.coordinator.get_gpu_metrics()
        self.watchdog.check(pids, rows, self.worker_service.asked)
        if self.idle_release is not None:
            self.idle_release.tick(rows, self.coordinator.totals())
        if self.clock() >= self._next_device_note and not self.disk_pause.trouble:
            self._next_device_note = self.clock() + DEVICES_SECONDS
            self.note_devices()
        self.write_down()
        if unattended and self.clock() >= self._next_space_check:
            self._next_space_check = self.clock() + SPACE_CHECK_SECONDS
            self.disk_pause.end_if_room(self._has_room)

    def _follow_devices(self, pids: Mapping[str, int]) -> None:
        """Start the workers that are missing, and kill those that do not end when told to."""
        if self.coordinator.absent():
            self.engine.start_absent()
        for device in self.coordinator.leaving(STOP_GRACE_SECONDS):
            if device in pids:
                self.engine.kill(device, pids[device], "it did not end in time")

    def note_devices(self) -> None:
        """Record the devices' busy time."""
        for device in tuple(self.worker_service.facts):
            self.ledger_writer.note_device(self.worker_service.used(device))

    def write_down(self) -> None:
        """Write all events to the ledger; a full disk pauses the run."""
        try:
            self.ledger_writer.flush()
        except LedgerError as problem:
            self.disk_pause.begin(str(problem))

    def _has_room(self) -> bool:
        """Whether the ledger and the largest output could be written again."""
        manifest, outputs = self.worker_service.manifest, self.prepared.settings.outputs
        assert manifest is not None, "nothing is held before there is work"
        try:
            self.ledger_writer.flush()
            kept = [one.kept for one in self.prepared.models]
            return has_room_for_largest(self.folder.path, manifest.files, kept, outputs.formats)
        except (LedgerError, OSError):
            return False
