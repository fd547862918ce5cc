"""Entry point of a worker process: detached from the terminal before torch is imported."""

from __future__ import annotations

import time

from tui_balancer.process.gc_pause import collector_paused
from tui_balancer.workers.process.detach import detach, prepare_to_compute
from tui_balancer.workers.wire.config import WorkerSetup


def worker_main(setup: WorkerSetup) -> None:
    """Run one worker; spawned by `LocalEngine`.

    Returns when the run is over; an error that is not about a file goes to the log as a
    traceback and ends the process with exit code 1.
    """
    started = time.monotonic()
    detach(setup.log)
    prepare_to_compute(setup.threads, setup.visible)

    with collector_paused():
        from tui_balancer.workers.process.loop import run_worker

    run_worker(setup, started)
