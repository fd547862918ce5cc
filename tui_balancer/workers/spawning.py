"""Starting processes from under a terminal, and saying how they ended."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess

TERMINAL_SIGNALS = frozenset({signal.SIGINT, signal.SIGHUP})
"""What a terminal sends to the whole process group, and only the app may answer."""


def spawn(target: Callable[..., None], args: tuple[object, ...], name: str) -> SpawnProcess:
    """Start a spawn-context process that ends with this one.

    It starts with `TERMINAL_SIGNALS` blocked, so that a Ctrl+C cannot reach it before `target`
    has learnt to ignore them.

    Raises:
        OSError: The machine refuses another process.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=target, args=args, name=name, daemon=True
    )
    with _terminal_signals_blocked():
        process.start()
    return process


def exit_words(exitcode: int | None) -> str:
    """Say how a process ended, `killed by SIGKILL` or `exit code 1`."""
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"


@contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Block them in this thread, whose mask a new process inherits."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
