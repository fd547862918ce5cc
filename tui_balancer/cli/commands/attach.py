"""The command `attach`: shows another process's run."""

from __future__ import annotations

from typing import Annotated

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import RunFolder, ScreenOptions


def attach(
    output: RunFolder,
    /,
    *,
    read_only: Annotated[bool, flag(help="Show everything, refuse every command.")] = False,
    screen: ScreenOptions | None = None,
) -> int:
    """Watch and control a run that another terminal started on this machine.

    Shows the same screen with the same commands, in any number of terminals; closing it does not
    affect the run. For a run that has ended it shows the summary.
    """
    from tui_balancer.cli.watch_attached import watch_attached

    screen = screen or ScreenOptions()
    return watch_attached(
        output, headless=screen.headless, read_only=read_only, ascii_only=screen.ascii
    )
