"""The pause of a run while the disk is full."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tui_balancer.scheduler.commands import PauseAll, ResumeAll
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator

SPACE_AGAIN = "there is space again"


class DiskFullPause:
    """Pauses the run when a write fails on a full disk, and stores the reason.

    No file is charged with an attempt, and finished work is kept: a thread that publishes an output
    waits here (`wait`) and retries. The user resumes the run; without a screen it resumes once
    there is space again (`end_if_room`).

    Attributes:
        trouble: Why the run is paused, in one line; empty otherwise.
    """

    def __init__(self, coordinator: WorkStealingCoordinator) -> None:
        self._coordinator = coordinator
        self._changed = threading.Condition()
        self._given_up = False
        self.trouble = ""

    def begin(self, trouble: str) -> None:
        """Pause the run; each device finishes its batch in flight."""
        with self._changed:
            if not self._given_up:
                self.trouble = trouble
                self._coordinator.execute(PauseAll(trouble))

    def end(self, reason: str = "") -> bool:
        """Resume the run; return False if it was not paused. A full disk pauses it again."""
        with self._changed:
            held, self.trouble = bool(self.trouble), ""
            if held:
                self._coordinator.execute(ResumeAll(reason))
                self._changed.notify_all()
            return held

    def give_up(self) -> None:
        """End all waits: the run is stopping."""
        with self._changed:
            self._given_up = True
            self.trouble = ""
            self._changed.notify_all()

    def end_if_room(self, has_room: Callable[[], bool]) -> None:
        """Resume the run if it is paused and there is space again."""
        if self.trouble and has_room():
            self.end(SPACE_AGAIN)

    def wait(self) -> bool:
        """Wait until the run is not paused; return False if it is stopping instead."""
        with self._changed:
            self._changed.wait_for(lambda: not self.trouble)
            return not self._given_up
