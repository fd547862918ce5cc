"""How the screen was left; the caller decides what becomes of the run."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The app's result and return code.

    The signals follow the shell's 128 + number.

    Attributes:
        ENDED: The person left after the end of the run.
        CRASHED: The screen failed twice; the run may still go on.
        LEFT: The person left the screen of another process's run, which goes on.
        REFUSED: The run cannot begin, and knows why.
        LEFT_STOPPING: The person left while the run was stopping; end it without the screen.
        TERMINAL_LOST: The terminal hung up (SIGHUP, or gone without one); the run may go on
            without a screen.
        INTERRUPTED: SIGINT from outside; stop the run.
        TERMINATED: SIGTERM, or another signal that means the same; stop the run.
    """

    ENDED = 0
    CRASHED = 1
    LEFT = 2
    LEFT_STOPPING = 3
    REFUSED = 4
    TERMINAL_LOST = 129
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def signalled(self) -> bool:
        """Whether a signal that asks for an end closed the screen."""
        return self in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
