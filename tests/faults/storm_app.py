"""The program as its user starts it, except that no number of deaths is held against anything.

A storm kills at random, so a file or a device that is struck again and again is innocent.
"""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

NO_LIMIT = 1_000_000


def main() -> None:
    """Run the command line."""
    from tui_balancer import cli
    from tui_balancer.balance.coordinator import WorkStealingCoordinator
    from tui_balancer.run import session

    lenient = partial(WorkStealingCoordinator, max_restarts=NO_LIMIT, poison_limit=NO_LIMIT)
    with patch.object(session, "WorkStealingCoordinator", lenient):
        cli.main()


if __name__ == "__main__":
    main()
