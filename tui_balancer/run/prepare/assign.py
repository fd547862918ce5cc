"""Hands a run's files to the coordinator at the start of a session."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.failures import Failure
from tui_balancer.ledger.records import FileState
from tui_balancer.run.prepare.run_files import RunFiles
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import Unit


def assign(
    run_files: RunFiles, files: Sequence[Unit], coordinator: WorkStealingCoordinator
) -> None:
    """Tell the coordinator what is done, what has failed and what is to be done.

    Workers may get leases from then on, so what turns a lease into a task must know the files
    before.

    Args:
        run_files: The state of each file.
        files: Each of them as a single unit, at its number.
        coordinator: That of the run; it knows of no units yet.
    """
    files_waiting = run_files.in_state(FileState.WAITING)
    candidates = (*files_waiting, *run_files.shards_of(files_waiting))
    waiting = [row for row in candidates if row.state is FileState.WAITING]
    numbers = [row.file.file_id for row in waiting]
    waits = set(numbers)
    for row in run_files.rows:
        if row.state is FileState.DONE:
            coordinator.add_done(files[row.file.file_id])
        elif row.file.file_id not in waits:
            # A shard of a file that has failed is not computed, whatever it was at.
            failure = Failure("its file has failed")
            if row.state is FileState.FAILED:
                failure = Failure(row.reason, row.file.cause)
            coordinator.add_failed(files[row.file.file_id], failure, by_hand=row.by_hand)
    # The files of a unit were leased together, so one speaks for all.
    coordinator.assign(
        run_files.manifest.units(numbers),
        attempts={row.file.unit: row.attempts for row in waiting},
        deaths={row.file.unit: row.deaths for row in waiting if row.deaths},
    )
