"""Detaches a spawned process from the terminal and ties its life to the app's."""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import sys
import threading
from multiprocessing import connection
from pathlib import Path

from tui_balancer.devices.info import VISIBLE_DEVICES
from tui_balancer.process.heap import keep_freed_memory
from tui_balancer.process.stop_signals import ignore_group_signals

ORPHANED = 3
"""Exit code of a worker whose app is gone."""


def prepare_to_compute(threads: int, visible: str) -> None:
    """Set environment variables that must be set before torch is loaded."""
    if visible:
        os.environ[VISIBLE_DEVICES] = visible
    # OpenMP and MKL read these once, when torch loads them.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    # After a loop, OpenMP's threads would spin where ours are to compute.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    keep_freed_memory()


def detach(log: Path | int) -> None:
    """Detach this process from the terminal and tie its life to the app's.

    Everything written to stdout or stderr, by Python, C or CUDA, goes to the end of `log`;
    signals to the whole group are left to the app; and the process ends when the app does, for any
    reason.

    Args:
        log: A file, or the descriptor of an open one.
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


def redirect(log: Path | int) -> None:
    """Redirect stdout and stderr to `log`, see `detach`, and stdin to nothing."""
    if isinstance(log, int):
        output = os.dup(log)
    else:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)
    os.close(output)


def _end_with(app: int) -> None:
    """Wait until the app is gone, then exit at once: results are useless then."""
    connection.wait([app])
    sys.stderr.write("the app is gone\n")
    os._exit(ORPHANED)
