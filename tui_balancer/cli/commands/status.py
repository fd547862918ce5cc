"""The command `status`: prints the state of a run."""

from __future__ import annotations

import json as json_module
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import RunFolder
from tui_balancer.exit_codes import EXIT_DONE, EXIT_USAGE

if TYPE_CHECKING:
    from tui_balancer.view.status import RunStatus

WATCH_SECONDS: Final = 2.0
"""Seconds between the lines of `--watch`."""


def status(
    output: RunFolder,
    /,
    *,
    json: Annotated[bool, flag(help="Print a JSON object; with --watch one per line.")] = False,
    watch: Annotated[bool, flag(help="Print a line now and then until the run ends.")] = False,
) -> int:
    """Print the state of a live run and of its devices.

    Exit code 2 if no run is live; for an ended run its last state is printed.
    """
    from tui_balancer.attach.client import AttachedRun, live_or_ended
    from tui_balancer.view.handle import Phase
    from tui_balancer.view.status import status_of

    run = live_or_ended(output, read_only=True, by_letter=True)
    if not isinstance(run, AttachedRun):
        _print_status(status_of(run.snapshot()), json=json)
        print(f"tui-balancer: no run is live in {output}", file=sys.stderr)
        return EXIT_USAGE
    while True:
        now = run.status()
        _print_status(now, json=json, line=watch)
        if not watch or now.phase is Phase.FINISHED:
            return EXIT_DONE
        time.sleep(WATCH_SECONDS)


def _print_status(status: RunStatus, *, json: bool, line: bool = False) -> None:
    import msgspec

    from tui_balancer.view.status import progress_parts, status_lines

    if json:
        content = msgspec.to_builtins(status)
        print(json_module.dumps(content, indent=None if line else 1), flush=True)
    elif line:
        moment = datetime.now().strftime("%H:%M:%S")
        print("  ".join((moment, *progress_parts(status))), flush=True)
    else:
        print("\n".join(status_lines(status)))
