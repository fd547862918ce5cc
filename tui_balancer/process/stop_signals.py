"""Signals that ask a program to stop: which they are, and that the app alone heeds them.

`timeout`, Slurm, systemd and Ctrl+C signal every process of a group. If workers ended by that,
their batches would be lost, and their files would look as if they had killed them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

STOP_SIGNALS = frozenset(
    {
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGALRM,
        signal.SIGXCPU,
    }
)
"""What people, shells and batch systems stop a program with; to a run all mean the same."""

GROUP_SIGNALS = STOP_SIGNALS | {signal.SIGHUP, signal.SIGTSTP}
"""What is sent to every process of a group though it is meant for the app: workers ignore it."""


@contextmanager
def group_signals_blocked() -> Iterator[None]:
    """Block `GROUP_SIGNALS` in this thread; threads and processes that it starts inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, GROUP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_group_signals() -> None:
    """Leave `GROUP_SIGNALS` to the app; called in the main thread of another process."""
    for number in GROUP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class IgnoredByChild:
    """Has a process ignore `GROUP_SIGNALS` while anybody holds this, if its parent answers them.

    That is so where multiprocessing has started it. Used in the main thread alone.
    """

    def __init__(self) -> None:
        self._holders = 0
        self._before: dict[signal.Signals, Any] = {}

    def hold(self) -> None:
        """Begin to ignore them."""
        self._holders += 1
        if self._holders == 1 and _is_main_thread_of_child():
            self._before = {
                number: signal.signal(number, signal.SIG_IGN) for number in GROUP_SIGNALS
            }

    def release(self) -> None:
        """Let the last holder's end put back what was before."""
        self._holders -= 1
        if not self._holders:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._before = {}


def _is_main_thread_of_child() -> bool:
    from multiprocessing import parent_process

    main = threading.current_thread() is threading.main_thread()
    return main and parent_process() is not None


@contextmanager
def stopping_interrupts() -> Iterator[None]:
    """Have every one of `STOP_SIGNALS` act as Ctrl+C does inside; a second one ends the process.

    Signals that somebody handles or ignores already are left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mine = [number for number in STOP_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    for number in mine:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)
