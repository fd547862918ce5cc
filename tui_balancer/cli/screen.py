"""The screen as commands use it: whether there can be one, and a run shown on it."""

from __future__ import annotations

import sys
from typing import Any

from tui_balancer.errors import UserError
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.terminal import screen_obstacle
from tui_balancer.view.handle import RunHandle
from tui_balancer.view.summary_text import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED


def can_show(*, headless: bool = False) -> bool:
    """Whether to show the screen; what prevents it on a terminal is said on stderr."""
    obstacle = "" if headless else screen_obstacle()
    if obstacle:
        print(f"tui-balancer: no screen, plain lines only: {obstacle}.", file=sys.stderr)
    return obstacle is None


def require_screen(what: str, *, otherwise: str) -> None:
    """Refuse what only a screen can show.

    Raises:
        UserError: There is no terminal, or none that can show it.
    """
    if (obstacle := screen_obstacle()) is not None:
        because = f" ({obstacle})" if obstacle else ""
        raise UserError(f"{what} needs a terminal{because}: {otherwise}")


def show_run(run: RunHandle, *, ascii_only: bool = False, **options: Any) -> ExitCode:
    """Show a run with the look that the user prefers, and return how the screen was left.

    Args:
        ascii_only: Whether to draw with ASCII alone, as on a terminal without UTF-8.
        options: Others of `BalancerApp`.

    Raises:
        UserError: The preferences are not understood.
    """
    from tui_balancer.cli.preferences import read_preferences
    from tui_balancer.ui.app import BalancerApp
    from tui_balancer.ui.showing import show

    look = read_preferences().appearance
    ascii_only = ascii_only or "utf" not in (sys.stderr.encoding or "").lower()
    return show(lambda: BalancerApp(run, ascii_only=ascii_only, look=look, **options))


def exit_after(left: ExitCode) -> int:
    """Return the exit code of a command that only shows a run."""
    if left is ExitCode.CRASHED:
        return EXIT_FAILED
    return EXIT_INTERRUPTED if left.signalled else EXIT_DONE
