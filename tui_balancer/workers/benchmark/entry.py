"""Entry point of a benchmark process."""

from __future__ import annotations

import logging
from multiprocessing.connection import Connection
from pathlib import Path

from tui_balancer.errors import one_line
from tui_balancer.workers.benchmark.messages import BenchmarkTask, Ready
from tui_balancer.workers.preflight.messages import Refused
from tui_balancer.workers.process.detach import detach, prepare_to_compute


def benchmark_main(task: BenchmarkTask, log: Path, channel: Connection) -> None:
    """Measure one device on request, and send the results; spawned by `benchmark`."""
    detach(log)
    prepare_to_compute(task.threads, task.visible)

    def begin() -> None:
        channel.send(Ready())
        channel.recv()

    try:
        from tui_balancer.workers.benchmark.measure import measure

        for measurement in measure(task, begin):
            channel.send(measurement)
    except Exception as error:
        logging.exception("measuring failed")
        channel.send(Refused(one_line(error)))
