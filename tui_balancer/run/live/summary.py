"""The summary of a finished run."""

from __future__ import annotations

from dataclasses import asdict, replace

from tui_balancer.notices import notice_line
from tui_balancer.outputs.dereplication import planned_copies, planned_stored
from tui_balancer.run.live.worker_service import WorkerService
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import DeviceMetrics
from tui_balancer.view.handle import DeviceSummary, EarlierWork, RunSummary
from tui_balancer.view.run_stats import RunStats


def summarise(
    prepared: PreparedRun,
    earlier: EarlierWork | None,
    coordinator: WorkStealingCoordinator,
    service: WorkerService,
    run_stats: RunStats,
    *,
    elapsed_seconds: float,
    interrupted: bool,
    stop_reason: str,
    damaged: bool,
    age_seconds: float,
) -> RunSummary:
    """Return the summary of a finished run.

    Args:
        earlier: What was finished before; None if the session ended before its files were known,
            and then all of them count as waiting.
        coordinator: Where every unit ended.
        service: The workers' reports.
        elapsed_seconds: Seconds from the start of the session to its end.
        interrupted: Whether a person or a signal ended it.
        stop_reason: Why it ended early, or what is damaged; empty otherwise.
        damaged: Whether finished outputs are missing.
        age_seconds: Seconds from the command to the start of the session.
    """
    first_lease = run_stats.first_lease
    first_batch = None if first_lease is None else age_seconds + first_lease
    totals = coordinator.totals()
    waiting = prepared.files_found if earlier is None else totals.waiting + totals.running
    earlier = earlier or EarlierWork()
    residues = sum(one.residues for one in run_stats.devices.values())
    return RunSummary(
        done=totals.done,
        failed=run_stats.failures,
        skips=run_stats.skips,
        waiting=waiting,
        residues=earlier.residues + residues,
        **asdict(service.publisher.output_counts),
        elapsed_seconds=elapsed_seconds,
        steals=run_stats.steals,
        splits=run_stats.splits,
        prediction_errors=run_stats.prediction_errors(),
        moves=run_stats.moves,
        devices=tuple(
            _device_summary(row, service, run_stats) for row in coordinator.get_gpu_metrics()
        ),
        model_label=prepared.model_label,
        output=str(prepared.settings.output),
        warnings=tuple(map(notice_line, run_stats.warnings)),
        interrupted=interrupted,
        stop_reason=stop_reason,
        damaged=damaged,
        earlier=earlier,
        efficiency=run_stats.efficiency(),
        first_batch_seconds=first_batch,
        copies=planned_copies(prepared.folder),
        from_store=planned_stored(prepared.folder),
    )


def _device_summary(
    row: DeviceMetrics, service: WorkerService, run_stats: RunStats
) -> DeviceSummary:
    used = service.used(row.device) if row.device in service.facts else None
    done = run_stats.device_summary(row.device, used)
    return replace(done, name=row.name, restarts=row.restarts)
