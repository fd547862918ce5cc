"""The end of a run, put together from all who took part."""

from __future__ import annotations

from tui_balancer.balance.coordinator import WorkStealingCoordinator
from tui_balancer.balance.model import DeviceMetrics
from tui_balancer.ledger.records import FileState
from tui_balancer.notices import notice_line
from tui_balancer.outputs.dereplication import planned_copies
from tui_balancer.run.board import RunBoard
from tui_balancer.run.chronicle import Chronicle
from tui_balancer.run.handle import DeviceSummary, EarlierWork, RunSummary
from tui_balancer.run.prepare import PreparedRun
from tui_balancer.run.stock import Stock


def summarise(
    prepared: PreparedRun,
    stock: Stock | None,
    coordinator: WorkStealingCoordinator,
    board: RunBoard,
    chronicle: Chronicle,
    *,
    elapsed_seconds: float,
    interrupted: bool,
    stop_reason: str,
    damaged: bool,
    age_seconds: float,
) -> RunSummary:
    """Return the summary of a run that is over.

    Args:
        prepared: What was to be done.
        stock: What was done before; None when the session ended before that was known, and
            then all files count as waiting.
        coordinator: Where every unit ended.
        board: What came back from the workers.
        chronicle: What happened.
        elapsed_seconds: From the start of the session to its end.
        interrupted: Whether a person or a signal ended it.
        stop_reason: Why it ended early, or what is damaged; empty otherwise.
        damaged: Whether outputs that were made are not there any more.
        age_seconds: What the command took before the session began.
    """
    first_lease = chronicle.first_lease
    first_batch = None if first_lease is None else age_seconds + first_lease
    totals, tally = coordinator.totals(), board.publisher.tally
    done_before = stock.in_state(FileState.DONE) if stock is not None else ()
    shards = stock.shards_of(stock.in_state(FileState.WAITING)) if stock is not None else ()
    earlier = EarlierWork(
        files=len(done_before),
        sequences=sum(row.vectors for row in done_before),
        residues=sum(
            row.file.residues for row in (*done_before, *shards) if row.state is FileState.DONE
        ),
    )
    residues = sum(one.residues for one in chronicle.devices.values())
    return RunSummary(
        done=totals.done,
        failed=chronicle.failures,
        skips=chronicle.skips,
        waiting=totals.waiting + totals.running if stock is not None else prepared.files_found,
        sequences=tally.sequences,
        residues=earlier.residues + residues,
        truncated=tally.truncated,
        replaced=tally.replaced,
        skipped=tally.skipped,
        missing=tally.missing,
        elapsed_seconds=elapsed_seconds,
        steals=chronicle.steals,
        splits=chronicle.splits,
        prediction_errors=chronicle.prediction_errors(),
        moves=chronicle.moves,
        devices=tuple(
            _device_summary(row, board, chronicle) for row in coordinator.get_gpu_metrics()
        ),
        model_label=prepared.model.label,
        output=str(prepared.settings.output),
        warnings=tuple(map(notice_line, chronicle.warnings)),
        interrupted=interrupted,
        stop_reason=stop_reason,
        damaged=damaged,
        earlier=earlier,
        efficiency=chronicle.efficiency(),
        first_batch_seconds=first_batch,
        copies=planned_copies(prepared.folder),
    )


def _device_summary(row: DeviceMetrics, board: RunBoard, chronicle: Chronicle) -> DeviceSummary:
    done, facts = chronicle.devices[row.device], board.facts.get(row.device)
    return DeviceSummary(
        device=row.device,
        name=row.name,
        files=done.files,
        sequences=done.sequences,
        residues=done.residues,
        busy_seconds=board.busy_seconds(row.device),
        load_seconds=facts.load_seconds if facts else None,
        stolen_to=row.stolen_to,
        stolen_from=row.stolen_from,
        restarts=row.restarts,
        idle_seconds=chronicle.idle_seconds(row.device),
    )
