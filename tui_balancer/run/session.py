"""One run from the scan to the summary, in threads of its own: screens only look at it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tui_balancer.balance.commands import Command, Drain, Outcome, StopNow
from tui_balancer.balance.coordinator import WorkStealingCoordinator
from tui_balancer.balance.events import Event
from tui_balancer.balance.model import DeviceMetrics, Unit
from tui_balancer.engines.local import LocalEngine
from tui_balancer.inputs.scan import FileScan, scan
from tui_balancer.outputs.atomic import sweep_temporaries
from tui_balancer.outputs.partials import sweep_partials
from tui_balancer.run.board import RunBoard
from tui_balancer.run.catalogue import Catalogue
from tui_balancer.run.chronicle import Chronicle
from tui_balancer.run.handle import DeviceSummary, Phase, RunSnapshot, RunSummary, ScanProgress
from tui_balancer.run.prepare import PreparedRun
from tui_balancer.workers.protocol import WorkerId, WorkerSetup
from tui_balancer.workers.queues import create_shared_work_queues

LOGS_FOLDER = "logs"
STOP_GRACE_SECONDS = 15.0
"""How long workers may finish their batch in flight before they are killed."""

_log = logging.getLogger(__name__)


class RunSession:
    """Scan → assign → start → finish; implements `run.handle.RunHandle`.

    Workers load their models while the scan goes on; they are given nothing before every
    file is counted, since the assignment needs all the costs. The session's thread does the
    scanning and the waiting, server threads do the leasing, and no screen is needed by any.
    """

    def __init__(self, prepared: PreparedRun, *, clock: Callable[[], float] = time.monotonic):
        self._prepared = prepared
        self._settings = prepared.settings
        self._folder = prepared.settings.output.absolute()
        self._clock = clock
        self._began = clock()
        self._started_at = time.time()
        self._scan_progress = ScanProgress(files_found=len(prepared.inputs))
        self._scanning = True
        self._warnings = list(prepared.warnings)
        self._stop_scan = threading.Event()
        self._finished = threading.Event()
        self._hurried = threading.Event()
        self._stop_requested: Drain | StopNow | None = None
        self._stop_reason = ""
        self._summary: RunSummary | None = None
        self._chronicle = Chronicle()
        self.coordinator = WorkStealingCoordinator(
            prepared.specs,
            policy=self._settings.policy,
            stealing=self._settings.stealing,
            clock=self.elapsed_seconds,
            journal=self._chronicle.note,
        )
        self.board = RunBoard(self.coordinator)
        self._queues, self._manager = create_shared_work_queues(self.board)
        self.engine = LocalEngine(
            [spec.device for spec in prepared.specs], self._worker_setup, self._worker_exited
        )
        self._thread = threading.Thread(target=self._run, name="run-session", daemon=True)

    def start(self) -> None:
        """Begin scanning and loading; returns at once.

        Raises:
            OSError: The run folder cannot be made.
        """
        (self._folder / LOGS_FOLDER).mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of the run; return whether it came within `timeout` seconds."""
        return self._finished.wait(timeout)

    def close(self) -> None:
        """End the run now if it is not over, and see every worker gone."""
        if self._thread.is_alive():
            self.execute(StopNow())
            self._hurried.set()
            self.engine.stop(grace_seconds=0.0)
            self._thread.join()

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
            devices=picture.devices,
            last_event=picture.last_event,
            warnings=tuple(self._warnings),
            stop_reason=self._stop_reason,
        )

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self.coordinator.events_after(sequence)

    def queue(self, device: str) -> tuple[Unit, ...]:
        """See `RunHandle.queue`."""
        return self.coordinator.queue(device)

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`."""
        return self._summary

    def execute(self, command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        if self._finished.is_set():
            return Outcome(False, "the run has ended")
        outcome = self.coordinator.execute(command)
        if outcome.accepted and isinstance(command, (Drain, StopNow)):
            self._stop_requested = command
            self._stop_scan.set()
        return outcome

    def _phase(self) -> Phase:
        if self._summary is not None:
            return Phase.FINISHED
        if isinstance(self._stop_requested, StopNow):
            return Phase.STOPPING
        if self._stop_requested is not None:
            return Phase.DRAINING
        if self._scanning:
            return Phase.SCANNING
        return Phase.RUNNING if self.board.facts else Phase.LOADING

    def _run(self) -> None:
        try:
            self.engine.start()
            self._scan()
            self._await_the_end()
        except Exception as problem:
            # Promise 1 holds for our own mistakes too: the summary must come, with the reason.
            _log.exception("the run ended by an error of its own")
            self._stop_reason = f"internal error: {problem!r} (see the log in {LOGS_FOLDER}/)"
        finally:
            self.engine.stop(grace_seconds=STOP_GRACE_SECONDS)
            sweep_temporaries(self._folder)
            self._summary = self._summarise()
            if not self._summary.waiting:
                sweep_partials(self._folder)
            self._finished.set()

    def _scan(self) -> None:
        scans = scan(
            self._prepared.inputs,
            self._settings.reading,
            on_progress=self._note_scan,
            stop=self._stop_scan,
        )
        if self._stop_scan.is_set():
            return
        catalogue = Catalogue.build(scans, self._folder, self._prepared.model.shape)
        self._warnings.extend(scan_warnings(scans))
        self._chronicle.expect(catalogue.units)
        self._scanning = False
        for unit, file in zip(catalogue.units, catalogue.files, strict=True):
            if file.scan.error:
                self.coordinator.add_failed(unit, file.scan.error)
        self.board.open(catalogue)

    def _note_scan(self, done: FileScan) -> None:
        before = self._scan_progress
        self._scan_progress = ScanProgress(
            files_found=before.files_found,
            files_scanned=before.files_scanned + 1,
            sequences=before.sequences + done.sequences,
            residues=before.residues + done.residues,
        )

    def _await_the_end(self) -> None:
        deadline: float | None = None
        while not (self.coordinator.over or self._hurried.is_set()):
            if isinstance(self._stop_requested, StopNow):
                deadline = deadline or self._clock() + STOP_GRACE_SECONDS
                if self._clock() >= deadline:
                    return
            self.coordinator.wait(timeout=1.0)
        if not self._stop_requested and self.coordinator.totals().waiting:
            self._stop_reason = "every device is dead; see the worker logs"

    def _summarise(self) -> RunSummary:
        totals, tally = self.coordinator.totals(), self.board.tally
        return RunSummary(
            done=totals.done,
            failed=tuple(self._chronicle.failures),
            waiting=totals.waiting + totals.running,
            sequences=tally.sequences,
            residues=sum(one.residues for one in self._chronicle.devices.values()),
            truncated=tally.truncated,
            replaced=tally.replaced,
            skipped=tally.skipped,
            elapsed_seconds=self.elapsed_seconds(),
            steals=self._chronicle.steals,
            moves=self._chronicle.moves,
            devices=tuple(self._device_summary(row) for row in self.coordinator.get_gpu_metrics()),
            model_label=self._prepared.model.label,
            output=str(self._settings.output),
            warnings=tuple(self._warnings),
            interrupted=self._stop_requested is not None,
            stop_reason=self._stop_reason,
        )

    def _device_summary(self, row: DeviceMetrics) -> DeviceSummary:
        done, facts = self._chronicle.devices[row.device], self.board.facts.get(row.device)
        return DeviceSummary(
            device=row.device,
            name=row.name,
            files=done.files,
            sequences=done.sequences,
            residues=done.residues,
            busy_seconds=self.board.busy_seconds(row.device),
            load_seconds=facts.load_seconds if facts else None,
            stolen_to=row.stolen_to,
            stolen_from=row.stolen_from,
            restarts=row.restarts,
        )

    def _worker_setup(self, device: str) -> WorkerSetup:
        """Called by the engine before each start of a worker, the first and the later ones."""
        selected = next(one for one in self._prepared.devices if one.device == device)
        worker = WorkerId(device, self.coordinator.worker_starting(device))
        return WorkerSetup(
            worker=worker,
            threads=selected.threads,
            model=self._prepared.model,
            settings=self._prepared.embedding,
            reading=self._settings.reading,
            log=worker_log(self._folder, device),
            address=self._queues.address,
            authkey=self._queues.authkey,
        )

    def _worker_exited(self, worker: WorkerId, reason: str) -> bool:
        """Called by the engine when a worker's process has ended; True restarts it."""
        return self.coordinator.worker_died(worker.device, worker.incarnation, reason)


def worker_log(folder: Path, device: str) -> Path:
    """Return the file that takes what a device's workers print."""
    return folder / LOGS_FOLDER / f"worker-{device.replace(':', '_')}.log"


def scan_warnings(scans: tuple[FileScan, ...]) -> list[str]:
    """Return a line for every kind of oddity the scan met in files it accepted."""
    kinds = (
        ("truncated", "sequences longer than the maximum length are cut"),
        ("replaced", "letters outside the alphabet are read as X"),
        ("skipped", "empty sequences are left out"),
        ("duplicates", "repeated ids are kept apart by a suffix"),
    )
    lines = []
    for field, meaning in kinds:
        affected = [one for one in scans if getattr(one, field)]
        if affected:
            total = sum(getattr(one, field) for one in affected)
            where = affected[0].input.name if len(affected) == 1 else f"{len(affected)} files"
            lines.append(f"{meaning}: {total:,} in {where}")
    return lines
