"""One run from the scan to the summary, in threads of its own: screens only look at it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tui_balancer.balance.commands import Command, Drain, Outcome, ResumeAll, StopNow
from tui_balancer.balance.coordinator import WorkStealingCoordinator
from tui_balancer.balance.events import Event, UnbundleEvent
from tui_balancer.balance.model import Unit
from tui_balancer.balance.observation import Places
from tui_balancer.errors import UserError
from tui_balancer.inputs.scan import ScanStopped
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import FileState, SessionEnd
from tui_balancer.notices import Notice, notice_line
from tui_balancer.outputs.atomic import sweep_temporaries
from tui_balancer.outputs.partials import sweep_partials
from tui_balancer.run.assigning import assign
from tui_balancer.run.board import RunBoard
from tui_balancer.run.chronicle import Chronicle
from tui_balancer.run.dividing import shown
from tui_balancer.run.folder import LOGS_FOLDER, RunFolder
from tui_balancer.run.handle import Phase, RunHandle, RunSnapshot, RunSummary, ScanProgress
from tui_balancer.run.hangs import HangWatch, deadlines
from tui_balancer.run.hold import Hold
from tui_balancer.run.journal import Journal
from tui_balancer.run.prepare import PreparedRun
from tui_balancer.run.presence import MOST_OUTPUTS, FolderLost, missing_outputs
from tui_balancer.run.rates import remember
from tui_balancer.run.space import has_room_for_largest
from tui_balancer.run.staff import Staff
from tui_balancer.run.stock import Stock, take_stock
from tui_balancer.run.stopping import Stopping
from tui_balancer.run.summary import summarise
from tui_balancer.run.tally import Tally
from tui_balancer.run.upkeep import Upkeep
from tui_balancer.workers.queues import create_shared_work_queues

_log = logging.getLogger(__name__)


class AttachService(Protocol):
    """Lets screens of other processes at a run while it is live."""

    def open(self) -> None:
        """Let them in; a run that cannot goes on without."""

    def close(self) -> None:
        """Let no others in."""


class RunSession:
    """Scan → assign → start → finish; implements `run.handle.RunHandle`.

    The run folder is taken at once and given back at the end; a run that was begun before is
    checked instead of scanned, and only what is left of it is assigned.

    Workers load their models while the scan goes on; they are given nothing before every
    file is counted, since the assignment needs all the costs. The session's thread does the
    scanning and the waiting, server threads do the leasing, and no screen is needed by any.

    Args:
        prepared: The run.
        clock: Seconds that never go back.
        age_seconds: What the command has taken already.
        attach_service: Makes what lets other screens at the run, of the run, its folder and the
            folder of its sockets; None for a run without.

    Attributes:
        unattended: Nobody is there to press a key: a full disk holds the run only until there
            is room again.
        refusal: Why nothing was started after all; None while there is no such reason.

    Raises:
        UserError: The run folder cannot be written, or somebody else works in it.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        *,
        clock: Callable[[], float] = time.monotonic,
        age_seconds: float = 0.0,
        attach_service: Callable[[RunHandle, Path, Path], AttachService] | None = None,
    ):
        self._prepared = prepared
        self._age_seconds = age_seconds
        self._settings = prepared.settings
        self._folder = RunFolder.take(
            prepared.folder, prepared.record, prepared.sessions, age_seconds
        )
        self._clock = clock
        self._began = clock()
        self._started_at = time.time()
        self._scan_progress = ScanProgress(files_found=prepared.files_found)
        self._stock: Stock | None = None
        self._shown: tuple[Unit, ...] = ()
        self.unattended = False
        self.refusal: UserError | None = None
        self._stopping = Stopping(clock)
        self._stop_reason = ""
        self._damaged = False
        self._finished = threading.Event()
        self._summary: RunSummary | None = None
        self._chronicle = Chronicle()
        self._journal = Journal(self._folder.ledger, self.elapsed_seconds)
        self.coordinator = WorkStealingCoordinator(
            prepared.specs,
            policy=self._settings.policy,
            stealing=self._settings.stealing,
            splitting=self._settings.splitting,
            clock=self.elapsed_seconds,
            journal=self._note,
        )
        self._warn(prepared.warnings)
        self._hold = Hold(self.coordinator)
        self.board = RunBoard(self.coordinator, self._journal, self._hold, self._folder.presence)
        self._queues, self._manager = create_shared_work_queues(self.board)
        self._attach = attach_service and attach_service(
            self, self._folder.path, self._queues.folder
        )
        # A file that takes the app down next, too, must not find itself innocent afterwards.
        self._staff = Staff(
            prepared,
            self._folder.path,
            self.coordinator,
            self.board,
            self._queues,
            on_exit=lambda: self._upkeep.write_down(),
        )
        self.engine = self._staff.engine
        hangs = HangWatch(deadlines(prepared), self.engine.kill, clock)
        self._upkeep = Upkeep(
            self.engine,
            self.coordinator,
            self.board,
            self._journal,
            self._hold,
            hangs,
            self._has_room,
            self._folder.presence,
            clock,
        )
        self._thread = threading.Thread(target=self._run, name="run-session", daemon=True)

    def start(self) -> None:
        """Begin scanning and loading; returns at once."""
        if self._attach is not None:
            self._attach.open()
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of the run; return whether it came within `timeout` seconds."""
        return self._finished.wait(timeout)

    def close(self) -> None:
        """End the run now if it is not over, and see every worker gone."""
        if self._thread.is_alive():
            self.execute(StopNow())
            self._stopping.hurry()
            self.engine.stop()
            self._thread.join()
        elif self._thread.ident is None:
            self.engine.stop()
            self._folder.release(SessionEnd.FAILED, "never started")

    def elapsed_seconds(self) -> float:
        """Return the seconds since the run began."""
        return self._clock() - self._began

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        picture = self.coordinator.snapshot()
        return RunSnapshot(
            phase=self._phase(),
            model_label=self._prepared.model.label,
            untrained=self._prepared.model.untrained,
            output=str(self._settings.output),
            started_at=self._started_at,
            elapsed_seconds=(
                self._summary.elapsed_seconds if self._summary else self.elapsed_seconds()
            ),
            scan=self._scan_progress,
            totals=picture.totals,
            policy=picture.policy,
            stealing=self._settings.stealing,
            paused=picture.paused,
            sequences_per_second=picture.sequences_per_second,
            residues_per_second=picture.residues_per_second,
            eta_seconds=picture.eta_seconds,
            efficiency=(picture.efficiency if self._summary is None else self._summary.efficiency),
            devices=picture.devices,
            last_event=picture.last_event,
            warnings=tuple(map(notice_line, self._chronicle.warnings)),
            stop_reason=self._stop_reason,
            trouble=self._hold.trouble,
        )

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self.coordinator.events_after(sequence)

    def queue(self, device: str) -> tuple[Unit, ...]:
        """See `RunHandle.queue`."""
        return self.coordinator.queue(device)

    def units(self) -> tuple[Unit, ...]:
        """See `RunHandle.units`."""
        return self._shown

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`."""
        return self.coordinator.places(known)

    def log_folder(self) -> Path:
        """See `RunHandle.log_folder`."""
        return self._folder.path / LOGS_FOLDER

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`."""
        return self._summary

    def execute(self, command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        if self._finished.is_set():
            return Outcome(False, "the run has ended")
        if isinstance(command, ResumeAll) and self._hold.end(command.reason):
            return Outcome(True, "going on; if the disk is still full, the run is held again")
        outcome = self.coordinator.execute(command)
        if outcome.accepted and isinstance(command, (Drain, StopNow)):
            self._stopping.ask(command)
            if isinstance(command, StopNow):
                self._hold.give_up()
        return outcome

    def _phase(self) -> Phase:
        if self._summary is not None:
            return Phase.FINISHED
        if self._stopping.phase is not None:
            return self._stopping.phase
        if self._stock is None:
            return Phase.SCANNING
        return Phase.RUNNING if self.board.facts else Phase.LOADING

    def _run(self) -> None:
        try:
            going_on = self._prepared.continuation
            if going_on is None or going_on.has_work:
                self.engine.start()
            stock = take_stock(self._prepared, self._folder, self._note_scan, self._stopping.scan)
            if not (going_on is None or going_on.has_work) and stock.in_state(FileState.WAITING):
                self.engine.start()
            self._assign(stock)
            self._await_the_end()
        except FolderLost as problem:
            _log.error("%s", problem)
        except ScanStopped:
            _log.info("stopped before all files were looked at")
        except (UserError, LedgerError) as problem:
            self.refusal = UserError(str(problem))
            self._stop_reason = str(problem)
        except Exception as problem:
            # Promise 1 holds for our own mistakes too: the summary must come, with the reason.
            _log.exception("the run ended by an error of its own")
            self._stop_reason = f"internal error: {problem!r} (see the log in {LOGS_FOLDER}/)"
        finally:
            self._finish()

    def _finish(self) -> None:
        """End what still runs and let go of the run folder; then the summary is there."""
        self._hold.give_up()
        self.engine.stop()
        files = self._stock.catalogue.files if self._stock is not None else ()
        outputs = [file.output for file in files]
        self._look_for_damage(len(files))
        lost = bool(self._folder.presence.loss())
        if not lost:
            sweep_temporaries(self._folder.path, outputs)
        self._upkeep.note_devices()
        self._journal.close()
        remember(
            self.coordinator.measured_rates(),
            tuple(self._staff.devices.values()),
            self._prepared.model.name,
            self._prepared.embedding.precision,
        )
        summary = self._summarise()
        if not (summary.waiting or lost):
            sweep_partials(self._folder.path, outputs)
        if self._attach is not None and not lost:
            self._attach.close()
        if self._stop_reason:
            self._folder.release(SessionEnd.FAILED, self._stop_reason)
        else:
            self._folder.release(SessionEnd.STOPPED if summary.waiting else SessionEnd.FINISHED)
        self._summary = summary
        self._finished.set()

    def _look_for_damage(self, files: int) -> None:
        """See whether what the run has made is there."""
        damage = self._folder.presence.loss()
        if not damage and files <= MOST_OUTPUTS:
            with suppress(LedgerError):
                damage = missing_outputs(self._folder.path, self._folder.ledger.files())
        if damage:
            self._stop_reason, self._damaged = damage, True

    def _assign(self, stock: Stock) -> None:
        """Let the work begin; all who will hear of units know them before."""
        catalogue = stock.catalogue
        files = tuple(map(catalogue.file_unit, range(len(catalogue.files))))
        self._warn(stock.warnings)
        self._chronicle.expect(files)
        self.board.open(catalogue)
        self.board.publisher.tally = Tally.of(stock.in_state(FileState.DONE))
        self.board.publisher.owned = stock.owned
        self.board.publisher.overwrite = self._settings.overwrite
        self._stock = stock
        self._shown = shown(files)
        assign(stock, files, self.coordinator)

    def _warn(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self.coordinator.warn(notice)

    def _note(self, event: Event) -> None:
        """Pass an event on; called under the coordinator's lock."""
        self._chronicle.note(event)
        self._journal.note(event)
        if isinstance(event, UnbundleEvent) and self._stock is not None:
            self._stock.catalogue.break_up(event.unit_id)

    def _note_scan(self, sequences: int, residues: int) -> None:
        self._scan_progress = self._scan_progress.with_file(sequences, residues)

    def _await_the_end(self) -> None:
        while not (self.coordinator.over or self._stopping.overdue):
            self._upkeep.tend(unattended=self.unattended)
            self.coordinator.wait(timeout=1.0)
        if self._stopping.asked is None and self.coordinator.totals().waiting:
            self._stop_reason = self.engine.broken or "every device is dead; see the worker logs"

    def _has_room(self) -> bool:
        """Whether the ledger and the largest output could be written again."""
        assert self._stock is not None, "nothing is held before there is work"
        files = self._stock.catalogue.files
        try:
            self._journal.flush()
            return has_room_for_largest(
                self._folder.path, files, self._prepared.kept, self._settings.formats
            )
        except (LedgerError, OSError):
            return False

    def _summarise(self) -> RunSummary:
        return summarise(
            self._prepared,
            self._stock,
            self.coordinator,
            self.board,
            self._chronicle,
            elapsed_seconds=self.elapsed_seconds(),
            interrupted=self._stopping.asked is not None,
            stop_reason=self._stop_reason,
            damaged=self._damaged,
            age_seconds=self._age_seconds,
        )
