"""The command `explain`: explains the states of a run's devices and files."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import RunFolder
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED

if TYPE_CHECKING:
    from tui_balancer.scheduler.events import Event
    from tui_balancer.view.handle import RunHandle
    from tui_balancer.view.why.facts import Explanation

_NOTHING: Final = "Nothing needs an explanation; which file ends last is not known."


def explain(
    output: RunFolder,
    /,
    *names: Annotated[str, Parameter(name="NAME", help="Files and devices of the run.")],
    json: Annotated[bool, flag(help="Print a JSON object.")] = False,
) -> int:
    """Explain why a file or device waits, is idle, runs, was stolen, is paused, dead or failed.

    Without names: every device that is not simply working, the first files that failed, and the
    file that ends last. Asks the run itself if it is live, else its ledger. Exit code 1 if the
    run does not know a name.
    """
    from tui_balancer.attach.client import live_or_ended
    from tui_balancer.view.names import UnknownName
    from tui_balancer.view.why.explain import explain_all, explain_name
    from tui_balancer.view.why.facts import read_facts
    from tui_balancer.view.why.record import WhyRecord

    run, record = live_or_ended(output, read_only=True, by_letter=True), WhyRecord()
    facts = read_facts(run, record)
    record.note(_all_events(run, output))
    explained: list[Explanation] = []
    code = EXIT_DONE
    for name in names:
        try:
            explained.append(explain_name(facts, name))
        except UnknownName as unknown:
            print(f"tui-balancer: {unknown}", file=sys.stderr)
            code = EXIT_FAILED
    if not names:
        explained += explain_all(facts)
    if explained or json or not names:
        _print(explained, json=json)
    return code


def _all_events(run: RunHandle, folder: Path) -> Sequence[Event]:
    """Return the events of a run's newest session; a live run keeps only the latest."""
    kept = run.events_after(0)
    if not kept or kept[-1].sequence == len(kept):
        return kept
    from tui_balancer.history.history import read_history

    every = {event.sequence: event for event in kept}
    # Without the older events the answer is shorter, but still correct.
    with suppress(UserError):
        ledger = read_history(folder, newest_session=True).newest_session().events
        every = {one.sequence: one for one in ledger if one.sequence < kept[-1].sequence} | every
    return [every[number] for number in sorted(every)]


def _print(explained: Sequence[Explanation], *, json: bool) -> None:
    if json:
        from tui_balancer.view.why.facts import Explanations

        print(json_module.dumps(asdict(Explanations(explanations=tuple(explained))), indent=1))
        return
    print("\n".join(one.text for one in explained) or _NOTHING)
