"""Watches another process's run, on the screen or as lines."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tui_balancer.attach.client import attach
from tui_balancer.cli.headless import HeadlessReporter
from tui_balancer.cli.interrupts import Interrupts, counted_interrupts
from tui_balancer.cli.screen import can_show, exit_after, show_run
from tui_balancer.exit_codes import EXIT_DONE
from tui_balancer.ui.exits import ExitCode
from tui_balancer.view.handle import RunHandle
from tui_balancer.view.summary_text import exit_code, summary_lines


def watch_attached(
    folder: Path, *, headless: bool, read_only: bool, ascii_only: bool = False
) -> int:
    """Show the run of a folder until it ends or the user quits, which does not affect it.

    Returns:
        The run's exit code if it ended meanwhile, else 0; 130 if a signal closed the screen.

    Raises:
        UserError: There is no run to show; the message says why and what to do.
    """
    run = attach(folder, read_only=read_only)
    if not can_show(headless=headless):
        code = _follow(run)
    else:
        code = _show(run, folder, read_only=read_only, ascii_only=ascii_only)
    summary = run.summary()
    return code if summary is None else exit_code(summary)


def _follow(run: RunHandle, *, from_now: bool = False) -> int:
    """Print lines until the run ends."""
    with counted_interrupts() as interrupts:
        reporter = HeadlessReporter(run, sys.stdout, from_now=from_now)
        reporter.watch(lambda seconds: _over(run, interrupts, seconds))
    return EXIT_DONE


def _over(run: RunHandle, interrupts: Interrupts, seconds: float) -> bool:
    """Wait a while for the end of the run, and return whether it has ended.

    Raises:
        KeyboardInterrupt: A signal arrived. Raised here, because other code can swallow an
            exception that a signal handler raises.
    """
    if interrupts.count:
        raise KeyboardInterrupt
    return run.summary() is not None or threading.Event().wait(seconds)


def _show(run: RunHandle, folder: Path, *, read_only: bool, ascii_only: bool) -> int:
    """Show the screen until it closes, then print the state of the run."""
    code = show_run(run, attached=True, read_only=read_only, ascii_only=ascii_only)
    if code is ExitCode.TERMINAL_LOST:
        return EXIT_DONE
    if code is ExitCode.REFUSED:
        run.snapshot()  # Raises the error that closed the screen; its message says why.
    if code is ExitCode.CRASHED:
        return _follow(run, from_now=True)
    summary = run.summary()
    lines = summary_lines(summary) if summary else (f"left; the run in {folder} continues",)
    print("\n".join(lines))
    return exit_after(code)
