"""The command `attach`: a run of another process on the screen or in lines."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tui_balancer.attach.client import attach
from tui_balancer.cli.headless import HeadlessReporter
from tui_balancer.cli.interrupts import Interrupts, counted_interrupts
from tui_balancer.cli.screen import can_show, exit_after, show_run
from tui_balancer.ui.exits import ExitCode
from tui_balancer.view.handle import RunHandle
from tui_balancer.view.summary_text import EXIT_DONE, exit_code, summary_lines


def watch_attached(
    folder: Path, *, headless: bool, read_only: bool, ascii_only: bool = False
) -> int:
    """Show the run of a folder until its end or until the person leaves, which leaves it alone.

    Returns:
        The exit code that the run earned if its end was seen, else 0; 130 when a signal ended
        the screen.

    Raises:
        UserError: There is no run to show; the line says why and what to do.
    """
    run = attach(folder, read_only=read_only)
    if not can_show(headless=headless):
        code = _follow(run)
    else:
        code = _show(run, folder, read_only=read_only, ascii_only=ascii_only)
    summary = run.summary()
    return code if summary is None else exit_code(summary)


def _follow(run: RunHandle, *, from_now: bool = False) -> int:
    """Print lines until the run is over."""
    with counted_interrupts() as interrupts:
        reporter = HeadlessReporter(run, sys.stdout, from_now=from_now)
        reporter.watch(lambda seconds: _over(run, interrupts, seconds))
    return EXIT_DONE


def _over(run: RunHandle, interrupts: Interrupts, seconds: float) -> bool:
    """Return whether the run is over, after a while if it is not.

    Raises:
        KeyboardInterrupt: A signal came. Raised here, in the open: out of a signal handler it
            can be swallowed by whatever code it happens to hit.
    """
    if interrupts.count:
        raise KeyboardInterrupt
    return run.summary() is not None or threading.Event().wait(seconds)


def _show(run: RunHandle, folder: Path, *, read_only: bool, ascii_only: bool) -> int:
    """Show the screen until it is left, then say what there is to say of the run."""
    code = show_run(run, attached=True, read_only=read_only, ascii_only=ascii_only)
    if code is ExitCode.TERMINAL_LOST:
        return EXIT_DONE
    if code is ExitCode.REFUSED:
        run.snapshot()  # Raises what the screen met: the line says why.
    if code is ExitCode.CRASHED:
        return _follow(run, from_now=True)
    summary = run.summary()
    lines = summary_lines(summary) if summary else (f"left; the run in {folder} continues",)
    print("\n".join(lines))
    return exit_after(code)
