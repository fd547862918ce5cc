"""Starts processes that ignore signals to their group, and describes how they ended."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import resource_tracker, util
from multiprocessing.context import SpawnProcess

from tui_balancer.process.stop_signals import group_signals_blocked

_NO_CURRENT_FOLDER = "-P" if sys.version_info >= (3, 11) else "-I"
"""The interpreter's flag; multiprocessing passes on the other effects of -I."""


def spawn(target: Callable[..., None], args: tuple[object, ...], name: str) -> SpawnProcess:
    """Start a spawn-context process that ends with this one.

    It starts with `GROUP_SIGNALS` blocked, so that none reaches it before `target` ignores them.

    Raises:
        OSError: The system refuses another process.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=target, args=args, name=name, daemon=True
    )
    start_helper()
    with group_signals_blocked():
        process.start()
    return process


def start_helper() -> None:
    """Start multiprocessing's helper process, if it is not running, safe from group signals.

    By default it ignores only two of them, and its starter unblocks these two afterwards. This and
    all later processes do not import modules from the current folder. It lives as long as this
    process and inherits stderr's descriptor: start it before a full-screen app uses that.
    """
    # They start by `python -c`, which searches there first: a signal.py would end them at once.
    util._args_from_interpreter_flags = _interpreter_flags  # type: ignore[attr-defined]
    with group_signals_blocked():
        resource_tracker.ensure_running()


def _interpreter_flags() -> list[str]:
    """Return this interpreter's flags, for another one that ignores the current folder."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [*flags, _NO_CURRENT_FOLDER]


def exit_words(exitcode: int | None) -> str:
    """Return how a process ended: `killed by SIGKILL` or `exit code 1`."""
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"
