"""How a worker ended, as facts; what a person reads of it is made of them."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum, auto

SETTLING_SECONDS = 3.0
"""How long the end of a worker that somebody may have killed with its whole group is kept back.

If the app is stopped or killed by then, the worker's file is charged with nothing. That includes
the time in which the app hears of its own signal, and leaves its screen.
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
"""What a process that goes wrong is ended by; every other signal comes from outside."""


class Cause(Enum):
    """Why a worker is gone.

    Attributes:
        LEFT: The run is over, as its queue said.
        NOT_STARTED: The machine refused another process.
        FAILED: An error that is not about a file, or an exit of the process's own.
        CRASHED: A signal of the process's own making, such as SIGSEGV.
        KILLED: SIGKILL, by the kernel for want of memory or by anybody.
        SIGNALLED: Any other signal from outside.
        HUNG: The app killed it for its silence.
        LOST: Its process on a cluster is gone, nobody says why.
        DEPARTED: Its cluster took it away in order.
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
        cause: Why it is gone.
        words: The same for people; empty for one that left.
    """

    cause: Cause
    words: str = ""

    @property
    def may_blame(self) -> bool:
        """Whether it may have been the fault of the file that the worker had."""
        return self.cause not in (Cause.LEFT, Cause.SIGNALLED, Cause.DEPARTED)

    @property
    def unsettled(self) -> bool:
        """Whether it may be the first that is seen of the end of all processes of the run."""
        return self.cause in (Cause.KILLED, Cause.SIGNALLED, Cause.LOST)


def end_of(exitcode: int | None, words: str) -> WorkerEnd:
    """Return how a process ended that has such an exit code.

    Args:
        exitcode: As `multiprocessing` has it: negative for a signal.
        words: What to say of it.
    """
    if exitcode == 0:
        return WorkerEnd(Cause.LEFT)
    if exitcode is None or exitcode > 0:
        return WorkerEnd(Cause.FAILED, words)
    if -exitcode in _OWN_FAULTS:
        return WorkerEnd(Cause.CRASHED, words)
    return WorkerEnd(Cause.KILLED if -exitcode == signal.SIGKILL else Cause.SIGNALLED, words)
