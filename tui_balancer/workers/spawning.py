"""Starting processes that no signal to their group can end, and saying how they ended."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess

from tui_balancer.stop_signals import group_signals_blocked


def spawn(target: Callable[..., None], args: tuple[object, ...], name: str) -> SpawnProcess:
    """Start a spawn-context process that ends with this one.

    It starts with `GROUP_SIGNALS` blocked, so that none can reach it before `target` has ignored
    them.

    Raises:
        OSError: The machine refuses another process.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=target, args=args, name=name, daemon=True
    )
    start_helper()
    with group_signals_blocked():
        process.start()
    return process


def start_helper() -> None:
    """Start multiprocessing's helper process, if it does not run, out of reach of group signals.

    By itself it ignores only two of them, and its starter unblocks these two afterwards.
    """
    with group_signals_blocked():
        resource_tracker.ensure_running()


def exit_words(exitcode: int | None) -> str:
    """Say how a process ended, `killed by SIGKILL` or `exit code 1`."""
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"
