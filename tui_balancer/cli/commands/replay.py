"""The command `replay`: plays a finished run on the screen."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from tui_balancer.cli.declarations import decimal, flag
from tui_balancer.cli.options import RunFolder

MOST_SPEED = 1_000_000


def replay(
    output: RunFolder,
    /,
    *,
    speed: Annotated[
        float, decimal(0, MOST_SPEED, above=True, help="Seconds of the run per second.")
    ] = 20.0,
    ascii: Annotated[bool, flag(help="Draw the screen in ASCII only.")] = False,
) -> int:
    """Play back a finished run, on the same screen.

    Keys: space plays and pauses, comma and full stop seek, n and N go to steals, b and B to
    failures, plus and minus change the speed. All data comes from the run's ledger, which has no
    memory or sensor values; progress within a file is drawn as even.
    """
    from tui_balancer.cli.screen import exit_after, require_screen, show_run
    from tui_balancer.history.replay.replay_run import ReplayRun

    require_screen("replay", otherwise="`tui-balancer report` writes a page instead")
    run = ReplayRun(output, speed=speed)
    from tui_balancer.ui.screens.replay_screen import ReplayScreen

    screen = partial(ReplayScreen, replay=run)
    return exit_after(show_run(run, read_only=True, ascii_only=ascii, screen=screen))
