"""The command `simulate`: compares the policies without computing embeddings."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

from cyclopts import Parameter

from tui_balancer.cli.declarations import decimal, flag, whole
from tui_balancer.embedding.families.requests import known_name
from tui_balancer.embedding.families.table import DEFAULT_MODEL
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE
from tui_balancer.run.lab.cases import THROTTLED_TO, PolicyName, Scenario

if TYPE_CHECKING:
    from rich.table import Table

    from tui_balancer.run.lab.policy_comparison import PolicyResult
    from tui_balancer.scheduler.model import Unit

POLICIES: tuple[PolicyName, ...] = get_args(PolicyName)

SLOWEST_SPEED, FASTEST_SPEED = 10.0, 1000.0
"""Speed of the screen: simulated seconds per real second."""


def simulate(
    *inputs: Annotated[
        str | Path,
        Parameter(name="INPUT", help="FASTA files, folders or globs whose real sizes are used."),
    ],
    devices: Annotated[int, whole(1, 10_000, help="Devices, of unequal speed.")] = 8,
    files: Annotated[
        int, whole(1, 10_000_000, help="Made-up files, unless there are inputs.")
    ] = 200,
    policy: Annotated[
        tuple[PolicyName, ...],
        Parameter(help="Policies to compare; all without it.", negative="", show_default=False),
    ] = POLICIES,
    scenario: Annotated[
        Scenario,
        Parameter(
            help=f"The fastest device is steady, slowed to {THROTTLED_TO:.0%} of its speed, or "
            "lost."
        ),
    ] = "quiet",
    seeds: Annotated[int, whole(1, 1_000_000, help="Random cases.")] = 10,
    model: Annotated[str, Parameter(help="The model for the cost of the inputs.")] = DEFAULT_MODEL,
    json: Annotated[bool, flag(help="Print a JSON list.")] = False,
    watch: Annotated[
        bool, flag(help="Show one case on the screen, with the first of the policies.")
    ] = False,
    speed: Annotated[
        float,
        decimal(
            SLOWEST_SPEED,
            FASTEST_SPEED,
            help="With --watch: simulated seconds per second, "
            f"{SLOWEST_SPEED:g} to {FASTEST_SPEED:g}.",
        ),
    ] = 60.0,
) -> int:
    """Compare the policies on simulated devices.

    Runs the real coordinator under a virtual clock. It starts with weights like those of the table
    and learns the true speeds, as a run does. The figures are run times divided by the bound: the
    time that all devices together need for the work.
    """
    from tui_balancer.cli.console import stdout_console
    from tui_balancer.run.lab.policy_comparison import compare, scanned_units

    if scenario == "dying" and devices < 2:
        raise UserError("--scenario dying needs a device that survives: --devices 2 or more")
    known_name(model)
    units = scanned_units(inputs, model) if inputs else None
    if units == ():
        raise UserError("none of the inputs is readable as protein")
    if watch:
        chosen = "time+split" if policy == POLICIES else policy[0]
        return _watch(chosen, scenario, devices=devices, files=files, speed=speed, units=units)
    rows = compare(policy, scenario, devices=devices, files=files, seeds=seeds, units=units)
    if json:
        print(json_module.dumps([asdict(row) for row in rows], indent=2))
    else:
        first = rows[0]
        print(f"{first.devices:,} devices, {first.files:,} files, {first.scenario}")
        stdout_console().print(_table(rows))
    return EXIT_DONE


def _watch(
    policy: PolicyName,
    scenario: Scenario,
    *,
    devices: int,
    files: int,
    speed: float,
    units: tuple[Unit, ...] | None,
) -> int:
    """Show one simulated run on the screen until the user quits."""
    from tui_balancer.cli.screen import exit_after, require_screen, show_run
    from tui_balancer.run.lab.policy_comparison import watched

    if policy == "central":
        raise UserError(
            "--watch shows the coordinator, and policy `central` has none: choose another"
        )
    require_screen("--watch", otherwise="without it, simulate prints a table")
    run = watched(policy, scenario, devices=devices, files=files, speed=speed, units=units)
    run.start()
    try:
        return exit_after(show_run(run))
    finally:
        run.close()


def _table(rows: tuple[PolicyResult, ...]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("policy")
    for heading in ("time / bound, median", "p95", "µs per decision"):
        table.add_column(heading, justify="right")
    for row in rows:
        seconds = row.decision_seconds_median
        table.add_row(
            row.policy,
            f"{row.fluid_ratio_median:.3f}",
            f"{row.fluid_ratio_p95:.3f}",
            "–" if seconds is None else f"{1e6 * seconds:.0f}",
        )
    return table
