"""What a run needs about once a second, whatever else happens in it."""

from __future__ import annotations

from collections.abc import Callable

from tui_balancer.engines.engine import Engine
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.run.live.disk_full import DiskFullPause
from tui_balancer.run.live.watchdog import Watchdog
from tui_balancer.run.live.worker_service import WorkerService
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.run_folder.presence import FolderLost, Presence
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator

SPACE_CHECK_SECONDS = 5.0
"""How often a run without a screen looks whether the disk has room again."""

DEVICES_SECONDS = 10.0
"""How often the ledger learns how busy the devices have been: what it says of a killed run."""


class Maintenance:
    """What a run needs about once a second: the watchdog, the ledger, the end of a disk pause.

    Args:
        engine: Knows the processes.
        coordinator: Knows the devices.
        worker_service: Knows what their workers said.
        ledger_writer: Carries it into the ledger.
        disk_pause: Of the run.
        watchdog: Knows how long a worker may be silent.
        has_room: Whether the disk has room again.
        presence: Whether the run folder is still there.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        engine: Engine,
        coordinator: WorkStealingCoordinator,
        worker_service: WorkerService,
        ledger_writer: LedgerWriter,
        disk_pause: DiskFullPause,
        watchdog: Watchdog,
        has_room: Callable[[], bool],
        presence: Presence,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._coordinator = coordinator
        self._worker_service = worker_service
        self._ledger_writer = ledger_writer
        self._disk_pause = disk_pause
        self._watchdog = watchdog
        self._has_room = has_room
        self._presence = presence
        self._clock = clock
        self._next_space_check = 0.0
        self._next_device_note = 0.0

    def tick(self, *, unattended: bool) -> None:
        """Do what is due.

        Args:
            unattended: No user is at a screen: a full disk pauses the run only until
                there is room again.

        Raises:
            FolderLost: The run folder or its ledger is not there any more.
        """
        if loss := self._presence.loss():
            raise FolderLost(loss)
        pids = self._engine.pids()
        self._watchdog.check(pids, self._coordinator.get_gpu_metrics(), self._worker_service.asked)
        if self._clock() >= self._next_device_note and not self._disk_pause.trouble:
            self._next_device_note = self._clock() + DEVICES_SECONDS
            self.note_devices()
        self.write_down()
        if unattended and self._clock() >= self._next_space_check:
            self._next_space_check = self._clock() + SPACE_CHECK_SECONDS
            self._disk_pause.end_if_room(self._has_room)

    def note_devices(self) -> None:
        """Record how busy the devices have been."""
        for device in tuple(self._worker_service.facts):
            self._ledger_writer.note_device(self._worker_service.used(device))

    def write_down(self) -> None:
        """Write all that happened to the ledger; a full disk pauses the run."""
        try:
            self._ledger_writer.flush()
        except LedgerError as problem:
            self._disk_pause.begin(str(problem))
