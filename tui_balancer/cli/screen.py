"""The screen for commands: whether one is possible, and showing a run."""

from __future__ import annotations

import sys
from typing import Any

from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.terminal import screen_obstacle
from tui_balancer.view.handle import RunHandle


def can_show(*, headless: bool = False) -> bool:
    """Whether to show the screen; on a terminal, obstacles are printed to stderr."""
    obstacle = "" if headless else screen_obstacle()
    if obstacle:
        print(f"tui-balancer: no screen, plain lines only: {obstacle}.", file=sys.stderr)
    return obstacle is None


def require_screen(what: str, *, otherwise: str) -> None:
    """Refuse a command that needs the screen.

    Raises:
        UserError: There is no terminal, or it cannot show the screen.
    """
    if (obstacle := screen_obstacle()) is not None:
        because = f" ({obstacle})" if obstacle else ""
        raise UserError(f"{what} needs a terminal{because}: {otherwise}")


def show_run(run: RunHandle, *, ascii_only: bool = False, **options: Any) -> ExitCode:
    """Show a run with the user's preferences, and return how the screen was closed.

    Args:
        ascii_only: Whether to draw with ASCII only, as on a terminal without UTF-8.
        options: Other arguments of `BalancerApp`.

    Raises:
        UserError: The preferences are invalid.
    """
    from tui_balancer.cli.preferences import read_preferences
    from tui_balancer.process.heap import return_large_blocks
    from tui_balancer.ui.app import BalancerApp
    from tui_balancer.ui.showing import show

    return_large_blocks()
    look = read_preferences().appearance
    ascii_only = ascii_only or "utf" not in (sys.stderr.encoding or "").lower()
    return show(lambda: BalancerApp(run, ascii_only=ascii_only, look=look, **options))


def exit_after(left: ExitCode) -> int:
    """Return the exit code of a command that only shows a run."""
    if left is ExitCode.CRASHED:
        return EXIT_FAILED
    return EXIT_INTERRUPTED if left.signalled else EXIT_DONE
