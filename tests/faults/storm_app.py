"""The program as its user starts it, except that no number of deaths is held against anything.

A storm kills at random, so a file or a device that is struck again and again is innocent; and it
kills workers alone, so their ends need not be kept back. And
where `PRELOADED` is in the environment, workers are forked from a process that has imported
torch, which is what nearly all of a worker's start consists of; all the rest is as ever.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from unittest.mock import patch

from tests.support.preloaded import preloaded_workers

PRELOADED = "STORM_PRELOADED"

_NO_LIMIT = 1_000_000


def main() -> None:
    """Run the command line."""
    from tui_balancer.cli import app
    from tui_balancer.engines import local
    from tui_balancer.run.live import session
    from tui_balancer.scheduler.coordinator import WorkStealingCoordinator

    lenient = partial(WorkStealingCoordinator, max_restarts=_NO_LIMIT, poison_limit=_NO_LIMIT)
    starts = preloaded_workers() if PRELOADED in os.environ else nullcontext()
    alone = patch.object(local, "SETTLING_SECONDS", 0.0)
    with patch.object(session, "WorkStealingCoordinator", lenient), alone, starts:
        app.main()


if __name__ == "__main__":
    main()
