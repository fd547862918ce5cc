"""`dask worker` as it is, but that its workers are forked from a process with torch in it.

A test would wait for imports most of the time otherwise. Run as `python -m tests.support.dask_node`
with the arguments of `dask worker`.
"""

from __future__ import annotations

import multiprocessing

import dask.config
from distributed.cli.dask_worker import main

if __name__ == "__main__":
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        ["tui_balancer.workers.slot", "distributed"]
    )
    main()
