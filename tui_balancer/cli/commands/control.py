"""The command `control`: steers a live run without a screen."""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import (
    Difference,
    GainSeconds,
    IntervalSeconds,
    Minimum,
    Ratio,
    RunFolder,
)
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED

if TYPE_CHECKING:
    from tui_balancer.cli.orders import Order

FORMAT: Final = 1
"""See `ControlResult.format`."""

ActionName = Literal[
    "pause",
    "continue",
    "drain",
    "start",
    "threshold",
    "policy",
    "move",
    "share",
    "first",
    "last",
    "skip",
    "retry",
    "add",
    "undo",
    "stop",
]


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """The answer to one command.

    Attributes:
        accepted: Whether the run did it.
        message: What changed, or why nothing did.
    """

    accepted: bool
    message: str


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What `control --json` prints.

    Attributes:
        format: Version of this output; increases when a field changes its meaning.
        action: The action.
        accepted: Whether the run did all of it.
        answers: One for each device or file that is named alone, else one.
    """

    format: int
    action: str
    accepted: bool
    answers: tuple[ControlAnswer, ...]


def control(
    output: RunFolder,
    action: Annotated[ActionName, Parameter(name="ACTION", help="What to do.")],
    /,
    *words: Annotated[
        str, Parameter(name="WORD", help="Devices, files, a number, a policy or inputs.")
    ],
    to: Annotated[
        str | None, Parameter(help="move, share: the device that gets the files.")
    ] = None,
    failed: Annotated[bool, flag(help="All failed files.")] = False,
    waiting: Annotated[
        str | None, Parameter(help="Waiting files by a glob: 'plate/*' or '*.faa'.")
    ] = None,
    now: Annotated[bool, flag(help="stop: end after the batches in flight.")] = False,
    model: Annotated[
        tuple[str, ...],
        Parameter(negative=(), help="add: MODEL=INPUT, an input of one of several models."),
    ] = (),
    gain_seconds: Annotated[
        GainSeconds, Parameter(help="policy time: minimum gain of a steal in seconds.")
    ] = None,
    ratio: Annotated[
        Ratio, Parameter(help="policy count: steal when longest > ratio x shortest.")
    ] = None,
    difference: Annotated[
        Difference,
        Parameter(help="policy count: or when the longest is longer by this many files."),
    ] = None,
    minimum: Annotated[
        Minimum, Parameter(help="policy count: and the longest has at least this many.")
    ] = None,
    interval_seconds: Annotated[
        IntervalSeconds,
        Parameter(help="policy count: seconds between checks of an idle device."),
    ] = None,
    json: Annotated[bool, flag(help="Print a JSON object.")] = False,
) -> int:
    """Control a live run from the command line, with the answers of the screen.

    pause, continue: the named devices, or all. drain, start DEVICE...: end its worker and free
    its memory; start it again, or another device of this machine. threshold SECONDS: the minimum
    gain of a steal.
    policy time or count: the rule, and its numbers by options. move, share FILE... --to DEVICE:
    waiting files; batches of running ones. first, last, skip, retry FILE...: in their queues, out
    of them, again. add INPUT...: FASTA files, folders or globs, for a run at work. undo: the last
    change. stop: finish the running files, then end.

    Exit code 1 if the run refuses (the line says why), 2 if no run is live.
    """
    from tui_balancer.cli.orders import Order

    numbers = {
        "gain_seconds": gain_seconds,
        "ratio": ratio,
        "difference": difference,
        "minimum": minimum,
        "interval_seconds": interval_seconds,
    }
    given = {name: number for name, number in numbers.items() if number is not None}
    order = Order(action, words, to or "", failed, waiting or "", now, given, model)
    result = _carried_out(output, order)
    if json:
        print(json_module.dumps(asdict(result), indent=1))
    else:
        for answer in result.answers:
            if answer.accepted:
                print(answer.message)
            else:
                print(f"tui-balancer: {answer.message}", file=sys.stderr)
    return EXIT_DONE if result.accepted else EXIT_FAILED


def _carried_out(output: Path, order: Order) -> ControlResult:
    """Send an order to the live run of a folder.

    Raises:
        UserError: The order makes no sense, or no run is live.
    """
    from tui_balancer.attach.client import AttachClient, live_connection
    from tui_balancer.cli.orders import ACTIONS, require_sense
    from tui_balancer.view.names import UnknownName

    require_sense(order)
    connection = live_connection(output, by_letter=True)
    if connection is None:
        raise UserError(f"no run is live in {output}: start or resume one first")
    run = AttachClient(connection, output)
    try:
        commands = ACTIONS[order.action].commands(order, run)
        outcomes = [run.execute(command) for command in commands]
        answers = tuple(ControlAnswer(one.accepted, one.message) for one in outcomes)
    except UnknownName as unknown:
        answers = (ControlAnswer(False, str(unknown)),)
    except (EOFError, OSError):
        raise UserError(f"the run in {output} has just ended") from None
    return ControlResult(FORMAT, order.action, all(one.accepted for one in answers), answers)
