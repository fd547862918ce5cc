"""The end of a run by command, and how long its workers may take to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf

from tui_balancer.scheduler.commands import Drain, StopNow
from tui_balancer.view.handle import Phase

STOP_GRACE_SECONDS = 15.0
"""How long workers may finish their batch in flight before they are killed."""


class Stopping:
    """Which end the user asked for; safe to use from any thread.

    Attributes:
        asked: The newest command; None while the run has none.
        scan: Set when the scan is to stop.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = inf
        self.asked: Drain | StopNow | None = None
        self.scan = threading.Event()

    def ask(self, command: Drain | StopNow) -> None:
        """Note a command that the coordinator has accepted."""
        if isinstance(command, StopNow):
            self._until = min(self._until, self._clock() + STOP_GRACE_SECONDS)
        self.asked = command
        self.scan.set()

    def end_grace(self) -> None:
        """Give the workers no more time."""
        self._until = -inf

    @property
    def overdue(self) -> bool:
        """Whether the workers have had their time."""
        return self._clock() >= self._until

    @property
    def phase(self) -> Phase | None:
        """The phase of a run that ends by command; None for any other."""
        if self.asked is None:
            return None
        return Phase.STOPPING if isinstance(self.asked, StopNow) else Phase.DRAINING
