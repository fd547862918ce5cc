"""Stopping a run by command, and the time its workers have to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf

from tui_balancer.scheduler.commands import Drain, StopNow
from tui_balancer.view.handle import Phase

STOP_GRACE_SECONDS = 15.0
"""Seconds that workers have to finish their batch in flight before they are killed."""


class Stopping:
    """The requested end of the run; thread-safe.

    Attributes:
        asked: The newest command; None without one.
        scan: Set to stop the scan.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = inf
        self.asked: Drain | StopNow | None = None
        self.scan = threading.Event()

    def ask(self, command: Drain | StopNow) -> None:
        """Record a command that the coordinator has accepted."""
        if isinstance(command, StopNow):
            self._until = min(self._until, self._clock() + STOP_GRACE_SECONDS)
        self.asked = command
        self.scan.set()

    def end_grace(self) -> None:
        """End the workers' time at once."""
        self._until = -inf

    @property
    def overdue(self) -> bool:
        """Whether the workers' time is over."""
        return self._clock() >= self._until

    @property
    def phase(self) -> Phase | None:
        """The phase of a run that stops by command; None otherwise."""
        if self.asked is None:
            return None
        return Phase.STOPPING if isinstance(self.asked, StopNow) else Phase.DRAINING
