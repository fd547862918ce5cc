"""The command `report`: all that a run's ledger has, for people or for machines."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import RunFolder
from tui_balancer.errors import UserError
from tui_balancer.view.summary_text import EXIT_DONE

REPORT_NAME = "report.html"


def report(
    output: RunFolder,
    /,
    *,
    to: Annotated[
        Path | None, Parameter(help=f"Where to write the page (default: OUT/{REPORT_NAME}).")
    ] = None,
    json: Annotated[bool, flag(help="Print an object for machines, and write no page.")] = False,
) -> int:
    """Write a run's report: one HTML page that needs no network.

    Summary, timeline, throughput, devices, steals, failures and files, from the run's ledger; of
    a live run, so far. A run of several sessions has one clock.
    """
    from tui_balancer.history.history import read_history
    from tui_balancer.history.run_report import account_of

    if json:
        print_report(output)
        return EXIT_DONE
    run_report = account_of(read_history(output))
    from tui_balancer.history.page.html import page

    target = to or output / REPORT_NAME
    unfinished = target.with_name(f"{target.name}.tmp")
    try:
        unfinished.write_text(page(run_report), encoding="utf-8")
        unfinished.replace(target)
    except OSError as problem:
        raise UserError(f"cannot write {target}: {problem.strerror}") from None
    print(target)
    return EXIT_DONE


def print_report(output: Path) -> None:
    """Print all that a run's ledger tells as one object of JSON.

    Raises:
        UserError: There is no run.
    """
    from tui_balancer.history.history import read_history
    from tui_balancer.history.run_report import account_of

    print(json_module.dumps(asdict(account_of(read_history(output))), indent=1))
