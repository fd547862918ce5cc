"""How the screen was closed; the caller decides what to do with the run."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The app's result and return code.

    The signals follow the shell's 128 + number.

    Attributes:
        ENDED: The user quit after the end of the run.
        CRASHED: The screen failed twice; the run may still continue.
        LEFT: The user closed an attached screen; the run continues.
        REFUSED: The run cannot start, and has the reason.
        LEFT_STOPPING: The user quit while the run was stopping; end it without the screen.
        TERMINAL_LOST: The terminal hung up, with or without SIGHUP; the run may continue
            without a screen.
        INTERRUPTED: SIGINT from outside; stop the run.
        TERMINATED: SIGTERM, or a signal with the same meaning; stop the run.
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
        """Whether a stop signal closed the screen."""
        return self in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
