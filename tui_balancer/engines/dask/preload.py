"""What a worker's process of the run's own cluster does first: cut itself off, as others do.

Dask imports it by its name before the worker begins (`--preload`).
"""

from __future__ import annotations

import os
from pathlib import Path

from tui_balancer.stop_signals import ignore_group_signals
from tui_balancer.workers.process.detach import redirect

LOG_VARIABLE = "TUI_BALANCER_LOG"
"""Environment variable that names the file for whatever a worker's process prints."""

PRELOAD = __name__
"""What Dask is told to import."""


def dask_setup(worker: object) -> None:
    """Do it; Dask calls this in the worker's process."""
    if log := os.environ.get(LOG_VARIABLE):
        redirect(Path(log))
    ignore_group_signals()
