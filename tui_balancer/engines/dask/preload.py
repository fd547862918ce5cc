"""Detaches a worker process of a cluster that the run starts, as for other workers.

Dask imports it by name before the worker starts (`--preload`).
"""

from __future__ import annotations

import os
from pathlib import Path

from tui_balancer.process.stop_signals import ignore_group_signals
from tui_balancer.workers.process.detach import redirect

LOG_VARIABLE = "TUI_BALANCER_LOG"
"""Environment variable with the log file for a worker process's output."""

PRELOAD = __name__
"""The module that Dask imports."""


def dask_setup(worker: object) -> None:
    """Detach the process; Dask calls this in the worker's process."""
    if log := os.environ.get(LOG_VARIABLE):
        redirect(Path(log))
    ignore_group_signals()
