"""The pause of a run while the disk is full."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tui_balancer.scheduler.commands import PauseAll, ResumeAll
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator

SPACE_AGAIN = "there is space again"


class DiskFullPause:
    """Pauses the run when something could not be written, and remembers why.

    No file is charged, and nothing that is finished is thrown away: a thread that waits to put an
    output in place waits here (`wait`) and tries again. The run is resumed by the user, or, without
    a screen, when there is room again (`end_if_room`).

    Attributes:
        trouble: Why the run is paused, in one line; empty while it is not.
    """

    def __init__(self, coordinator: WorkStealingCoordinator) -> None:
        self._coordinator = coordinator
        self._changed = threading.Condition()
        self._given_up = False
        self.trouble = ""

    def begin(self, trouble: str) -> None:
        """Pause the run; every device finishes its batch in flight."""
        with self._changed:
            if not self._given_up:
                self.trouble = trouble
                self._coordinator.execute(PauseAll(trouble))

    def end(self, reason: str = "") -> bool:
        """Resume the run; False if it was not paused. On a full disk it is paused again."""
        with self._changed:
            held, self.trouble = bool(self.trouble), ""
            if held:
                self._coordinator.execute(ResumeAll(reason))
                self._changed.notify_all()
            return held

    def give_up(self) -> None:
        """Stop waiting: the run is being stopped."""
        with self._changed:
            self._given_up = True
            self.trouble = ""
            self._changed.notify_all()

    def end_if_room(self, has_room: Callable[[], bool]) -> None:
        """Resume the run if it is paused and there is room again."""
        if self.trouble and has_room():
            self.end(SPACE_AGAIN)

    def wait(self) -> bool:
        """Return when the run is no longer paused; False when it is being stopped instead."""
        with self._changed:
            self._changed.wait_for(lambda: not self.trouble)
            return not self._given_up
