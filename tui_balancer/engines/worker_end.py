"""How a worker ended, as facts and text."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum, auto

SETTLING_SECONDS = 3.0
"""Seconds before the end of a worker is reported that may have been killed with its whole group.

If the app is stopped or killed by then, the worker's file is not charged. That includes the time
in which the app receives its own signal, and closes its screen.
"""

_OWN_FAULTS = frozenset(
    {
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        signal.SIGSYS,
        signal.SIGTRAP,
    }
)
"""Signals of a crash of the process itself; every other signal comes from outside."""


class Cause(Enum):
    """Why a worker ended.

    Attributes:
        LEFT: The run is over, as its queue reported.
        NOT_STARTED: The machine refused another process.
        FAILED: An error that is not about a file, or an exit of the process itself.
        CRASHED: A signal of the process itself, such as SIGSEGV.
        KILLED: SIGKILL, from the kernel for lack of memory or from anybody.
        SIGNALLED: Any other signal from outside.
        HUNG: The app killed it because it was silent.
        LOST: Its process on a cluster is gone for an unknown reason.
        DEPARTED: Its cluster removed it cleanly.
    """

    LEFT = auto()
    NOT_STARTED = auto()
    FAILED = auto()
    CRASHED = auto()
    KILLED = auto()
    SIGNALLED = auto()
    HUNG = auto()
    LOST = auto()
    DEPARTED = auto()


@dataclass(frozen=True, slots=True)
class WorkerEnd:
    """The end of a worker.

    Attributes:
        cause: Why it ended.
        words: The same as text; empty for one that left.
    """

    cause: Cause
    words: str = ""

    @property
    def may_blame(self) -> bool:
        """Whether the worker's file may have caused it."""
        return self.cause not in (Cause.LEFT, Cause.SIGNALLED, Cause.DEPARTED)

    @property
    def unsettled(self) -> bool:
        """Whether it may be the first sign that all processes of the run end."""
        return self.cause in (Cause.KILLED, Cause.SIGNALLED, Cause.LOST)


def end_of(exitcode: int | None, words: str) -> WorkerEnd:
    """Return how a process with this exit code ended.

    Args:
        exitcode: As in `multiprocessing`: negative for a signal.
        words: Text about it.
    """
    if exitcode == 0:
        return WorkerEnd(Cause.LEFT)
    if exitcode is None or exitcode > 0:
        return WorkerEnd(Cause.FAILED, words)
    if -exitcode in _OWN_FAULTS:
        return WorkerEnd(Cause.CRASHED, words)
    return WorkerEnd(Cause.KILLED if -exitcode == signal.SIGKILL else Cause.SIGNALLED, words)
