"""A run from the scan to the summary, in its own threads, independent of screens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from tui_balancer.errors import UserError
from tui_balancer.inputs.scan import ScanStopped
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import FileRecord, FileState, SessionEnd
from tui_balancer.notices import notice_line
from tui_balancer.outputs.atomic import sweep_temporaries
from tui_balancer.outputs.partials import sweep_partials
from tui_balancer.run.live.additions import Additions
from tui_balancer.run.live.disk_full import DiskFullPause
from tui_balancer.run.live.idle_release import IdleRelease
from tui_balancer.run.live.live_files import LiveFiles
from tui_balancer.run.live.maintenance import Maintenance
from tui_balancer.run.live.stopping import Stopping
from tui_balancer.run.live.summary import summarise
from tui_balancer.run.live.watchdog import Watchdog, deadlines
from tui_balancer.run.live.watching import Watcher
from tui_balancer.run.live.worker_pool import WorkerPool
from tui_balancer.run.live.worker_service import WorkerService
from tui_balancer.run.prepare.learned_rates import remember
from tui_balancer.run.prepare.models import model_spec
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.run_files import RunFiles, find_run_files
from tui_balancer.run_folder.folder import RunFolder
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.run_folder.presence import FolderLost
from tui_balancer.scheduler.commands import (
    AddFiles,
    Command,
    Drain,
    Outcome,
    ResumeAll,
    StartDevice,
    StopNow,
)
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import Event, UnbundleEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import Phase, RunHandle, RunSnapshot, RunSummary, ScanProgress
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats
from tui_balancer.workers.wire.queues import create_shared_work_queues

_log = logging.getLogger(__name__)


class AttachService(Protocol):
    """Serves screens of other processes while the run is live."""

    def open(self) -> None:
        """Accept connections; a failure does not stop the run."""

    def close(self) -> None:
        """Accept no more connections."""


class RunSession:
    """Scan → assign → start → finish; implements `view.handle.RunHandle`.

    The run folder is locked at once and unlocked at the end; a resumed run is checked instead of
    scanned, and only its unfinished files are assigned.

    Workers load their models during the scan; they get no work before every
    file is counted, since the assignment needs all the costs. The session's thread does the
    scanning and the waiting, and server threads do the leasing; none needs a screen.

    Args:
        age_seconds: Seconds since the command started.
        attach_service: Makes the service for other screens from the run, its folder and its
            sockets' folder; None for a run without.

    Attributes:
        unattended: No user is at a screen: a full disk pauses the run only until there
            is space again.
        refusal: Why nothing was started; None otherwise.

    Raises:
        UserError: The run folder is not writable, or another process uses it.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        *,
        age_seconds: float = 0.0,
        attach_service: Callable[[RunHandle, Path, Path], AttachService] | None = None,
    ):
        self._prepared = prepared
        self._age_seconds = age_seconds
        self._settings = prepared.settings
        self._folder = RunFolder.take(
            prepared.folder, prepared.record, prepared.sessions, age_seconds
        )
        self._began = time.monotonic()
        self._started_at = time.time()
        self._scan_progress = ScanProgress(files_found=prepared.files_found)
        self.unattended = False
        self.refusal: UserError | None = None
        self._stopping = Stopping(time.monotonic)
        self._stop_reason = ""
        self._finished = threading.Event()
        self._summary: RunSummary | None = None
        self._run_stats = RunStats()
        self._run_state = RunState(self._run_stats)
        self._ledger_writer = LedgerWriter(self._folder.ledger, self.elapsed_seconds)
        self.coordinator = WorkStealingCoordinator(
            prepared.specs,
            policy=self._settings.balancing.policy,
            stealing=self._settings.balancing.stealing,
            splitting=self._settings.balancing.splitting,
            clock=self.elapsed_seconds,
            sink=self._note,
            models=[model_spec(one.source) for one in prepared.models],
        )
        self.coordinator.warn(*prepared.warnings)
        self.coordinator.decided(*prepared.decided)
        self._disk_pause = DiskFullPause(self.coordinator)
        self.worker_service = WorkerService(
            self.coordinator, self._ledger_writer, self._disk_pause, self._folder.presence
        )
        self._files = LiveFiles(
            self.coordinator,
            self.worker_service,
            self._run_state,
            overwrite=self._settings.overwrite,
        )
        self._queues, self._manager = create_shared_work_queues(self.worker_service)
        self._attach = attach_service and attach_service(
            self, self._folder.path, self._queues.folder
        )
        self._starting = threading.Lock()
        self._started = False
        # A file that kills the app too must already be charged for the worker.
        self._worker_pool = WorkerPool(
            prepared,
            self._folder.path,
            self.coordinator,
            self.worker_service,
            self._queues,
            on_exit=lambda: self._maintenance.write_down(),
        )
        self.engine = self._worker_pool.engine
        idle_seconds = self._settings.devices.release_idle
        idle_release = None
        if idle_seconds is not None:
            idle_release = IdleRelease(idle_seconds, self.coordinator.execute, time.monotonic)
        watchdog = Watchdog(deadlines(prepared), self.engine.kill, time.monotonic)
        self._maintenance = Maintenance(
            self.engine,
            self.coordinator,
            self.worker_service,
            self._ledger_writer,
            self._disk_pause,
            watchdog,
            self._folder,
            prepared,
            idle_release,
            time.monotonic,
        )
        self._additions = Additions(
            prepared, self._folder, self.coordinator, self._add, self._stopping.scan
        )
        self._watcher = None
        if self._settings.watching.watch:
            self._watcher = Watcher(
                prepared,
                self.coordinator,
                self._additions,
                self._ledger_writer,
                self._stopping.scan,
            )
        self._thread = threading.Thread(target=self._run, name="run-session", daemon=True)

    def start(self) -> None:
        """Start scanning and loading; return at once."""
        self._additions.start()
        if self._attach is not None:
            self._attach.open()
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of the run; return whether it ended within `timeout` seconds."""
        return self._finished.wait(timeout)

    def close(self) -> None:
        """End the run now if necessary, and wait until every worker is gone."""
        if self._thread.is_alive():
            self.execute(StopNow())
            self._stopping.end_grace()
            self.engine.stop()
            self._thread.join()
        elif self._thread.ident is None:
            self.engine.stop()
            self._folder.release(SessionEnd.FAILED, "never started")

    def elapsed_seconds(self) -> float:
        """Return the seconds since the run started."""
        return time.monotonic() - self._began

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        work = self.coordinator.snapshot().values()
        if self._summary is not None:
            work["efficiency"] = self._summary.efficiency
        return RunSnapshot(
            phase=self._phase(),
            model_label=self._prepared.model_label,
            untrained=any(one.source.untrained for one in self._prepared.models),
            output=str(self._settings.output),
            started_at=self._started_at,
            elapsed_seconds=(
                self._summary.elapsed_seconds if self._summary else self.elapsed_seconds()
            ),
            scan=self._scan_progress,
            stealing=self._settings.balancing.stealing,
            splitting=self._settings.balancing.splitting,
            **work,
            warnings=tuple(map(notice_line, self._run_stats.warnings)),
            stop_reason=self._stop_reason,
            trouble=self._disk_pause.trouble,
        )

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self.coordinator.events_after(sequence)

    def units(self) -> Sequence[Unit]:
        """See `RunHandle.units`."""
        return self._files.shown

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
        if isinstance(command, ResumeAll) and self._disk_pause.end(command.reason):
            return Outcome(True, "resumed; if the disk is still full, the run is paused again")
        if isinstance(command, StartDevice) and self._stopping.asked is None:
            try:
                self._worker_pool.add(command.device)
            except UserError as problem:
                return Outcome(False, str(problem))
        if isinstance(command, AddFiles):
            return self._additions.execute(command)
        outcome = self.coordinator.execute(command)
        if outcome.accepted and isinstance(command, (Drain, StopNow)):
            self._stopping.ask(command)
            if isinstance(command, StopNow):
                self._disk_pause.give_up()
        return outcome

    def _phase(self) -> Phase:
        if self._summary is not None:
            return Phase.FINISHED
        if self._stopping.phase is not None:
            return self._stopping.phase
        if self._files.manifest is None:
            return Phase.SCANNING
        return Phase.RUNNING if self.worker_service.facts else Phase.LOADING

    def _run(self) -> None:
        try:
            resume_plan = self._prepared.resume_plan
            if resume_plan is None or resume_plan.has_work:
                self._start_engine()
            # Not a name here: the rows of a million files would stay until the end.
            self._assign(
                find_run_files(self._prepared, self._folder, self._note_scan, self._stopping.scan)
            )
            self._await_the_end()
        except FolderLost as problem:
            _log.error("%s", problem)
        except ScanStopped:
            _log.info("stopped before all files were scanned")
        except (UserError, LedgerError) as problem:
            self.refusal = UserError(str(problem))
            self._stop_reason = str(problem)
        except Exception as problem:
            # Promise 1 holds for bugs too: the summary must appear, with the reason.
            _log.exception("the run ended by an internal error")
            self._stop_reason = f"internal error: {problem!r} (see the log in {LOGS_FOLDER}/)"
        finally:
            self._finish()

    def _finish(self) -> None:
        """Stop what still runs, release the run folder and make the summary."""
        self._disk_pause.give_up()
        if self._watcher is not None:
            self._watcher.close()
        self._additions.close()
        self.engine.stop()
        manifest = self._files.manifest
        files = manifest.files if manifest is not None else []
        outputs = [file.output for file in files]
        # What was found at the start is still there where no worker has been.
        worked = self._started
        damage = self._folder.damage(len(files), outputs=worked)
        self._stop_reason = damage or self._stop_reason
        lost = bool(self._folder.presence.loss())
        if worked and not lost:
            sweep_temporaries(self._folder.path, outputs)
        self._maintenance.note_devices()
        self._ledger_writer.close()
        for number, model in enumerate(self._prepared.models):
            remember(
                self.coordinator.measured_rates(number),
                tuple(self._worker_pool.devices.values()),
                model.source.name,
                model.embedding.precision,
            )
        summary = summarise(
            self._prepared,
            self._files.earlier if manifest is not None else None,
            self.coordinator,
            self.worker_service,
            self._run_stats,
            elapsed_seconds=self.elapsed_seconds(),
            interrupted=self._stopping.asked is not None,
            stop_reason=self._stop_reason,
            damaged=bool(damage),
            age_seconds=self._age_seconds,
        )
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

    def _assign(self, run_files: RunFiles) -> None:
        """Assign the files of the start; from then on others can be added."""
        if run_files.in_state(FileState.WAITING):
            self._start_engine()
        self._files.assign(run_files)
        self._additions.begin(run_files.manifest)
        if self._watcher is not None:
            known = {file.source for file in run_files.manifest.files}
            self._watcher.start(known, self._folder.ledger.left_out())

    def _add(self, new: Sequence[FileRecord], known: int) -> None:
        """Assign files that were added, also to a run that had nothing to do so far."""
        self._start_engine()
        self._files.add(new, known)

    def _start_engine(self) -> None:
        """Start the workers, unless they are started."""
        with self._starting:
            if not self._started:
                self._started = True
                self.engine.start()

    def _note(self, event: Event) -> None:
        """Forward an event; called under the coordinator's lock."""
        self._run_state.apply(event)
        self._ledger_writer.note(event)
        if isinstance(event, UnbundleEvent):
            self._files.break_up(event.unit_id)

    def _note_scan(self, sequences: int, residues: int) -> None:
        self._scan_progress = self._scan_progress.with_file(sequences, residues)

    def _await_the_end(self) -> None:
        while not (self.coordinator.over or self._stopping.overdue):
            self._maintenance.tick(unattended=self.unattended)
            self.coordinator.wait(timeout=1.0)
        if self._stopping.asked is None and self.coordinator.totals().waiting:
            self._stop_reason = self.engine.broken or "every device is dead; see the worker logs"
