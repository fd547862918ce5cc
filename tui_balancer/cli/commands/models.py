"""The command `models`: lists the models that have a name."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import DeviceOptions
from tui_balancer.exit_codes import EXIT_DONE


def models(
    *words: Annotated[
        str,
        Parameter(
            name="WORD", help="Only models that have it in name, family, alphabet or licence."
        ),
    ],
    json: Annotated[bool, flag(help="Print a JSON object.")] = False,
    devices: DeviceOptions | None = None,
) -> int:
    """List the models, with their sizes, licences, and what they take on this machine.

    A narrow terminal shows the most important columns, a pipe all of them.
    """
    from tui_balancer.cli.settings import run_settings
    from tui_balancer.run.lab.model_list import list_models

    found = list_models(run_settings(devices=devices), words)
    if json:
        print(json_module.dumps(asdict(found), indent=1))
        return EXIT_DONE
    from tui_balancer.cli.console import stdout_console
    from tui_balancer.cli.model_table import legend, model_table

    stdout = stdout_console()
    table, left_out = model_table(found.models, stdout.width)
    stdout.print(table)
    for line in legend(left_out):
        stdout.print(line, highlight=False, markup=False, soft_wrap=True)
    return EXIT_DONE
