"""A process of a Dask cluster that ends with the one that started it.

`python -m tests.support.dask_node scheduler …` and `… worker …` are `dask scheduler` and `dask
worker` as they are, but that the end of standard input is theirs, and that workers are forked from
a process with torch in it: a test would wait for imports most of the time otherwise.
"""

from __future__ import annotations

import os
import sys
import threading

import dask.config
from distributed.utils import get_mp_context


def end_with_input() -> None:
    """End when nobody can write to standard input any more; workers end with their Nannies."""
    while os.read(0, 1):
        pass
    os._exit(1)


def main() -> None:
    """Be what the first argument says."""
    kind = sys.argv.pop(1)
    threading.Thread(target=end_with_input, daemon=True).start()
    if kind == "scheduler":
        from distributed.cli.dask_scheduler import main as command
    else:
        from distributed.cli.dask_worker import main as command

        dask.config.set(
            {
                "distributed.worker.multiprocessing-method": "forkserver",
                "distributed.worker.profile.enabled": False,
            }
        )
        # Its first call sets what Dask would have loaded.
        get_mp_context().set_forkserver_preload(
            ["tests.support.deaf_forkserver", "tui_balancer.workers.process.slot", "distributed"]
        )
    command()


if __name__ == "__main__":
    main()
