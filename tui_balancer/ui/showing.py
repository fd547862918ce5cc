"""Shows a screen; after an error, logs it, restores the terminal and reopens the screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.terminal import kept_terminal
from tui_balancer.ui.tolerant_app import FAILED

STEADY_SECONDS: Final = 60.0
"""Seconds; a screen that fails twice within them is not reopened."""


def show(make: Callable[[], BalancerApp]) -> ExitCode:
    """Show a screen until it closes, and return its exit code.

    An error of the screen is logged and reported in one line; then the screen is opened again, on
    the same tab.

    Args:
        make: Makes the screen.

    Returns:
        `CRASHED` for a screen that failed twice within a minute.
    """
    tab, failed_at = None, -STEADY_SECONDS
    while True:
        app = make()
        app.reopened_at = tab
        try:
            with kept_terminal():
                _run(app)
        except Exception as error:
            app.note(FAILED, error)
        if app.left is not None:
            # The exit code counts, not an error while closing.
            return app.left
        now, tab = time.monotonic(), app.run_screen.tabs.current
        again = now - failed_at > STEADY_SECONDS
        what_next = "It is opened again" if again else "It is not opened again"
        print(f"{FAILED}. {what_next}. {app.details}", file=sys.stderr)
        if not again:
            return ExitCode.CRASHED
        failed_at = now


def _run(app: BalancerApp) -> None:
    try:
        app.run()
    finally:
        app.restore_terminal()
