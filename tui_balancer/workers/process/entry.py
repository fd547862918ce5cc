"""Where a spawned process begins: cut off from the terminal before torch is imported."""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import sys
import threading
import time
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from tui_balancer.devices.info import VISIBLE_DEVICES
from tui_balancer.errors import UserError
from tui_balancer.gc_pause import collector_paused
from tui_balancer.stop_signals import ignore_group_signals
from tui_balancer.workers.process.memory import keep_freed_memory
from tui_balancer.workers.wire.config import WorkerSetup

if TYPE_CHECKING:
    from tui_balancer.workers.benchmark.benchmark import BenchmarkTask
    from tui_balancer.workers.preflight.preflight import PreflightRequest

ORPHANED = 3
"""Exit code of a worker whose app is gone."""


def worker_main(setup: WorkerSetup) -> None:
    """Run one worker: what `LocalEngine` spawns.

    Returns when the run is over; an error that is not about a file goes to the log as a
    traceback and ends the process with exit code 1.
    """
    started = time.monotonic()
    detach(setup.log)
    _prepare_to_compute(setup.threads, setup.visible)

    with collector_paused():
        from tui_balancer.workers.process.loop import run_worker

    run_worker(setup, started)


def preflight_main(request: PreflightRequest, log: Path, channel: Connection) -> None:
    """Look at model and devices and send what there is to say: what `preflight` spawns."""
    detach(log)
    from tui_balancer.workers.preflight.preflight import PreflightReport, Refused

    answer: PreflightReport | Refused
    try:
        with collector_paused():
            from tui_balancer.workers.preflight.probe import probe

        answer = probe(request, channel)
    except UserError as error:
        answer = Refused(str(error))
    except Exception as error:
        logging.exception("the look at model and devices failed")
        words = " ".join(str(error).split())
        answer = Refused(f"torch does not work here: {type(error).__name__}: {words}")
    channel.send(answer)


def benchmark_main(task: BenchmarkTask, log: Path, channel: Connection) -> None:
    """Measure one device once told to, and send what was measured: what `benchmark` spawns."""
    detach(log)
    _prepare_to_compute(task.threads, task.visible)
    from tui_balancer.workers.benchmark.benchmark import Ready
    from tui_balancer.workers.preflight.preflight import Refused

    def begin() -> None:
        channel.send(Ready())
        channel.recv()

    try:
        from tui_balancer.workers.benchmark.measure import measure

        for measurement in measure(task, begin):
            channel.send(measurement)
    except Exception as error:
        logging.exception("measuring failed")
        channel.send(Refused(" ".join(str(error).split())))


def _prepare_to_compute(threads: int, visible: str) -> None:
    """Settle what must be settled before torch is loaded."""
    if visible:
        os.environ[VISIBLE_DEVICES] = visible
    # OpenMP and MKL read these once, when torch loads them.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    keep_freed_memory()


def detach(log: Path) -> None:
    """Cut this process off from the terminal and tie its life to the app's.

    Everything written to stdout or stderr, by Python, C or CUDA, goes to the end of `log`;
    signals to the whole group are the app's business; and the process ends when the app does,
    whatever ended it.
    """
    redirect(log)
    ignore_group_signals()
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a spawned process detaches"
    threading.Thread(
        target=_end_with, args=(parent.sentinel,), name="app-watch", daemon=True
    ).start()
    faulthandler.enable()
    logging.basicConfig(
        format=f"%(asctime)s {os.getpid()} %(levelname)s %(message)s", level=logging.INFO
    )


def redirect(log: Path) -> None:
    """Let the three standard descriptors point at `log`, and at nothing for input."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)
    os.close(output)


def _end_with(app: int) -> None:
    """Wait until the app is gone, then leave at once: nobody can take a result any more."""
    connection.wait([app])
    sys.stderr.write("the app is gone\n")
    os._exit(ORPHANED)
