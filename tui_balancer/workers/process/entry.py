"""Entry point of a worker, in a process that has imported torch."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection

from tui_balancer.workers.wire.config import WorkerSetup


def worker_main(setup: WorkerSetup, _channel: Connection) -> None:
    """Run one worker; called by `LocalEngine` in a `WarmProcess`.

    Returns when the run is over; an error that is not about a file goes to the log as a
    traceback and ends the process with exit code 1.
    """
    started = time.monotonic()
    from tui_balancer.workers.process.loop import run_worker

    run_worker(setup, started)
