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

SPACE_LOOK_SECONDS = 5.0
"""How often a run without a screen looks whether the disk has room again."""

DEVICES_SECONDS = 10.0
"""How often the ledger learns how busy the devices have been: what it says of a killed run."""


class Maintenance:
    """Has silent workers killed, sees all that happened in the ledger, and ends a hold.

    Args:
        engine: Knows the processes.
        coordinator: Knows the devices.
        board: Knows what their workers said.
        journal: Carries it into the ledger.
        hold: Of the run.
        hangs: Knows how long a worker may be silent.
        has_room: Whether the disk has room again.
        presence: Whether the run folder is still there.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        engine: Engine,
        coordinator: WorkStealingCoordinator,
        board: WorkerService,
        journal: LedgerWriter,
        hold: DiskFullPause,
        hangs: Watchdog,
        has_room: Callable[[], bool],
        presence: Presence,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._coordinator = coordinator
        self._board = board
        self._journal = journal
        self._hold = hold
        self._hangs = hangs
        self._has_room = has_room
        self._presence = presence
        self._clock = clock
        self._next_look = 0.0
        self._next_note = 0.0

    def tick(self, *, unattended: bool) -> None:
        """Do what is due.

        Args:
            unattended: Nobody is there to press a key: a full disk holds the run only until
                there is room again.

        Raises:
            FolderLost: The run folder or its ledger is not there any more.
        """
        if loss := self._presence.loss():
            raise FolderLost(loss)
        pids = self._engine.pids()
        self._hangs.check(pids, self._coordinator.get_gpu_metrics(), self._board.asked)
        if self._clock() >= self._next_note and not self._hold.trouble:
            self._next_note = self._clock() + DEVICES_SECONDS
            self.note_devices()
        self.write_down()
        if unattended and self._clock() >= self._next_look:
            self._next_look = self._clock() + SPACE_LOOK_SECONDS
            self._hold.look(self._has_room)

    def note_devices(self) -> None:
        """Have the ledger learn how busy the devices have been."""
        for device in tuple(self._board.facts):
            self._journal.note_device(self._board.used(device))

    def write_down(self) -> None:
        """See all that happened in the ledger; a full disk holds the run."""
        try:
            self._journal.flush()
        except LedgerError as problem:
            self._hold.begin(str(problem))
