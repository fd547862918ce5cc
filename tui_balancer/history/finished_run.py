"""A run without a live process, read from its ledger."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tui_balancer.embedding.families.requests import UntrainedModel, parse_model
from tui_balancer.history.history import CUT_OFF, RunHistory, read_history
from tui_balancer.ledger.records import FileRow, FileState, SessionEnd
from tui_balancer.notices import notice_line
from tui_balancer.outputs.dereplication import planned_copies, planned_stored
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.run_folder.output_counts import OutputCounts
from tui_balancer.run_folder.settings_json import stored_settings
from tui_balancer.run_folder.shards import shown
from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.events import DoneEvent, Event
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Ended, Totals, Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import (
    DeviceSummary,
    EarlierWork,
    FailedFile,
    Phase,
    RunSnapshot,
    RunSummary,
    ScanProgress,
)
from tui_balancer.view.run_state import RunView
from tui_balancer.view.run_stats import RunStats


class FilesDone(RunView):
    """Numbers of the finished files."""

    def __init__(self) -> None:
        self.files: set[int] = set()

    def done(self, _event: DoneEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        self.files.update(files)


class FinishedRun:
    """Implements `RunHandle` over a ledger: the end of the newest session, with its events.

    Args:
        folder: The run folder, as the user wrote it.
        history: Its history, if already read.
        folded: The folded state of its newest session, if available.

    Attributes:
        died: Whether the last process that worked on it was killed.

    Raises:
        UserError: There is no run in it, or its ledger cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        history: RunHistory | None = None,
        folded: tuple[RunStats, FilesDone] | None = None,
    ) -> None:
        story = (history or read_history(folder, newest_session=True)).newest_session()
        run, files = story.run, story.files
        self._events, self._units = story.events, shown(story.units)
        session, settings = story.sessions[-1].record, stored_settings(run, folder)
        used = {one.device: one for one in story.sessions[-1].devices}
        self.died = session.ended_at is None
        reason = session.reason
        if self.died:
            reason = f"{CUT_OFF} (process {session.pid} on {session.host})"
        run_stats, now = folded or (RunStats(), FilesDone())
        if folded is None:
            story.fold(run_stats, now)
        devices = tuple(run_stats.device_summary(one, used.get(one)) for one in run_stats.devices)
        inputs = tuple(row for row in files if not row.file.is_shard)
        totals = _totals(inputs)
        self._snapshot = RunSnapshot(
            phase=Phase.FINISHED,
            model_label=run.model,
            untrained=any(
                isinstance(parse_model(one.model, one.seed), UntrainedModel)
                for one in settings.by_model
            ),
            output=str(folder),
            started_at=session.started_at,
            elapsed_seconds=story.seconds,
            scan=ScanProgress(totals.files, totals.files, totals.sequences, totals.residues),
            totals=totals,
            policy=settings.balancing.policy,
            stealing=settings.balancing.stealing,
            splitting=settings.balancing.splitting,
            devices=tuple(map(_metrics, devices)),
            last_event=self._events[-1].sequence if self._events else 0,
            warnings=tuple(map(notice_line, run_stats.warnings)),
            stop_reason=reason,
        )
        self._folder = folder
        self._places = Places(
            self._snapshot.last_event,
            {"": array("i", [row.file.file_id for row in files if not _ended(row)])},
            bytes(map(_ended, files)),
        )
        self._summary = _summary(
            self._snapshot,
            inputs,
            now.files,
            devices,
            run_stats,
            age_seconds=session.age_seconds,
            interrupted=session.end is SessionEnd.STOPPED,
        )

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        return self._snapshot

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        # Numbered without gaps from 1.
        return self._events[sequence:]

    def units(self) -> tuple[Unit, ...]:
        """See `RunHandle.units`."""
        return self._units

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`; what was running when the process ended waits again."""
        return None if known == self._places.last_event else self._places

    def log_folder(self) -> Path:
        """See `RunHandle.log_folder`."""
        return self._folder / LOGS_FOLDER

    def execute(self, _command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        return Outcome(False, "the run has ended")

    def summary(self) -> RunSummary:
        """See `RunHandle.summary`."""
        return self._summary


def _ended(row: FileRow) -> Ended:
    if row.state is FileState.FAILED:
        return Ended.SKIPPED if row.by_hand else Ended.FAILED
    return Ended.DONE if row.state is FileState.DONE else Ended.NOT


def _totals(files: tuple[FileRow, ...]) -> Totals:
    ends = Counter(map(_ended, files))
    done = [row.file for row in files if row.state is FileState.DONE]
    return Totals(
        files=len(files),
        done=ends[Ended.DONE],
        failed=ends[Ended.FAILED],
        skipped=ends[Ended.SKIPPED],
        waiting=ends[Ended.NOT],
        sequences=sum(row.file.sequences for row in files),
        sequences_done=sum(file.sequences for file in done),
        residues=sum(row.file.residues for row in files),
        residues_done=sum(file.residues for file in done),
        cost=sum(row.file.cost for row in files),
        cost_done=sum(file.cost for file in done),
    )


def _metrics(device: DeviceSummary) -> DeviceMetrics:
    """Return the metrics of a device without running work."""
    return DeviceMetrics(
        device=device.device,
        name=device.name,
        state=DeviceState.STOPPED,
        weight=1.0 if device.weight is None else device.weight,
        files_done=device.files,
        stolen_to=device.stolen_to,
        stolen_from=device.stolen_from,
        restarts=device.restarts,
    )


def _summary(
    snapshot: RunSnapshot,
    files: tuple[FileRow, ...],
    now: set[int],
    devices: tuple[DeviceSummary, ...],
    run_stats: RunStats,
    *,
    age_seconds: float,
    interrupted: bool,
) -> RunSummary:
    first_lease = run_stats.first_lease
    done = [row for row in files if row.state is FileState.DONE]
    earlier = [row for row in done if row.file.file_id not in now]
    failed = [
        FailedFile(row.file.name, row.reason, row.by_hand, row.file.cause)
        for row in files
        if row.state is FileState.FAILED
    ]
    return RunSummary(
        done=len(done),
        failed=tuple(one for one in failed if not one.by_hand),
        skips=tuple(one for one in failed if one.by_hand),
        waiting=snapshot.totals.waiting,
        residues=snapshot.totals.residues_done,
        **asdict(OutputCounts.of(done)),
        elapsed_seconds=snapshot.elapsed_seconds,
        steals=run_stats.steals,
        splits=run_stats.splits,
        prediction_errors=run_stats.prediction_errors(),
        moves=run_stats.moves,
        devices=devices,
        warnings=snapshot.warnings,
        model_label=snapshot.model_label,
        output=snapshot.output,
        interrupted=interrupted,
        stop_reason=snapshot.stop_reason,
        earlier=EarlierWork(
            files=len(earlier),
            sequences=sum(row.vectors for row in earlier),
            residues=sum(row.file.residues for row in earlier),
        ),
        efficiency=run_stats.efficiency(),
        first_batch_seconds=None if first_lease is None else age_seconds + first_lease,
        copies=planned_copies(Path(snapshot.output)),
        from_store=planned_stored(Path(snapshot.output)),
    )
