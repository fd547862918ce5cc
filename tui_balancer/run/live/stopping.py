"""That a run is to end before its last file, and how long its workers may take to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf

from tui_balancer.scheduler.commands import Drain, StopNow
from tui_balancer.view.handle import Phase

STOP_GRACE_SECONDS = 15.0
"""How long workers may finish their batch in flight before they are killed."""


class Stopping:
    """What was asked for, by whichever thread.

    Attributes:
        asked: The newest wish; None while the run goes on to its last file.
        scan: Set when the scan need not go on.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = inf
        self.asked: Drain | StopNow | None = None
        self.scan = threading.Event()

    def ask(self, command: Drain | StopNow) -> None:
        """Note a wish that the coordinator has accepted."""
        if isinstance(command, StopNow):
            self._until = min(self._until, self._clock() + STOP_GRACE_SECONDS)
        self.asked = command
        self.scan.set()

    def end_grace(self) -> None:
        """Let the workers have no more time."""
        self._until = -inf

    @property
    def overdue(self) -> bool:
        """Whether the workers have had their time."""
        return self._clock() >= self._until

    @property
    def phase(self) -> Phase | None:
        """Where the run is by that; None while it goes on."""
        if self.asked is None:
            return None
        return Phase.STOPPING if isinstance(self.asked, StopNow) else Phase.DRAINING
