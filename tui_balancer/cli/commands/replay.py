"""The command `replay`: a finished run on the screen again."""

from __future__ import annotations

import gc
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui_balancer.cli.numbers import decimal
from tui_balancer.cli.watch import draws_ascii, require_screen
from tui_balancer.view.summary_text import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED

MOST_SPEED = 1_000_000


def replay(
    output: Annotated[Path, Parameter(name="OUT", help="The run folder.")],
    /,
    *,
    speed: Annotated[
        float, decimal(0, MOST_SPEED, above=True, help="Seconds of the run in a second.")
    ] = 20.0,
    ascii: Annotated[bool, Parameter(negative="", help="Draw the screen in ASCII alone.")] = False,
) -> int:
    """Play a finished run again, on the same screen.

    space plays and pauses, comma and full stop seek, n and N go to steals, b and B to failures,
    + and - change the speed. All is put together from the run's ledger: what it does not hold
    (memory, sensors) is not shown, and progress within a file is drawn as if it went evenly.
    """
    from tui_balancer.history.replay.replay_run import ReplayRun

    require_screen("replay", otherwise="`tui-balancer report` writes a page instead")
    run = ReplayRun(output, speed=speed)
    # All of it stays: a search for garbage in it would only hold up the screen.
    gc.freeze()
    from tui_balancer.cli.preferences import read_preferences
    from tui_balancer.ui.app import BalancerApp
    from tui_balancer.ui.exits import ExitCode
    from tui_balancer.ui.screens.replay_screen import ReplayScreen
    from tui_balancer.ui.showing import show

    look = read_preferences().look

    def make() -> BalancerApp:
        return BalancerApp(
            run,
            read_only=True,
            ascii_only=draws_ascii(ascii),
            look=look,
            screen=partial(ReplayScreen, replay=run),
        )

    code = show(make)
    if code is ExitCode.CRASHED:
        return EXIT_FAILED
    signalled = code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
    return EXIT_INTERRUPTED if signalled else EXIT_DONE
