"""The command `report`: everything in a run's ledger, as HTML or JSON."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui_balancer.cli.declarations import flag
from tui_balancer.cli.options import RunFolder
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE

if TYPE_CHECKING:
    from tui_balancer.history.history import RunHistory
    from tui_balancer.history.page.embedding_map import EmbeddingMap

REPORT_NAME = "report.html"


def report(
    output: RunFolder,
    /,
    *,
    to: Annotated[
        Path | None, Parameter(help=f"Where to write the page (default: OUT/{REPORT_NAME}).")
    ] = None,
    json: Annotated[bool, flag(help="Print a JSON object, and write no page.")] = False,
    no_map: Annotated[
        bool, flag(help="Leave out the map of the embeddings; read no outputs.")
    ] = False,
) -> int:
    """Write a run's report: one HTML page that needs no network.

    Summary, failures, warnings, timeline, throughput, a map of the embeddings, devices, steals
    and files, for a live run up to now. All data comes from the run's ledger, except the map,
    which comes from its outputs. Several sessions share one clock.
    """
    from tui_balancer.history.history import read_history
    from tui_balancer.history.run_report import account_of

    if json:
        print_report(output)
        return EXIT_DONE
    history = read_history(output)
    run_report = account_of(history)
    embeddings = None if no_map else _embedding_map(history)
    from tui_balancer.history.page.html import page

    target = to or output / REPORT_NAME
    unfinished = target.with_name(f"{target.name}.tmp")
    try:
        unfinished.write_text(page(run_report, embeddings), encoding="utf-8")
        unfinished.replace(target)
    except OSError as problem:
        raise UserError(f"cannot write {target}: {problem.strerror}") from None
    print(target)
    return EXIT_DONE


def _embedding_map(history: RunHistory) -> EmbeddingMap | str:
    """Return the map of a run's embeddings, or the reason why there is none.

    Of several models it has the first one's: others have other vectors.
    """
    from tui_balancer.cli.progress import bar
    from tui_balancer.history.page.embedding_map import embedding_map
    from tui_balancer.history.vector_sample import sample_vectors
    from tui_balancer.outputs.layout import marked_output
    from tui_balancer.run_folder.settings_json import marks_of

    marks = marks_of(history.run)
    files = [row for row in history.files if marked_output(row.file.output, marks) == 0]
    with bar("reading vectors") as update:
        try:
            sample = sample_vectors(
                history.folder,
                files,
                on_file=lambda done, total: update(completed=done, total=total),
            )
            if len(marks) > 1:
                sample = replace(sample, what=f"{sample.what}, {marks[0][1:]}")
            return embedding_map(sample)
        except UserError as problem:
            return str(problem)


def print_report(output: Path) -> None:
    """Print everything in a run's ledger as one JSON object.

    Raises:
        UserError: There is no run.
    """
    from tui_balancer.history.history import read_history
    from tui_balancer.history.run_report import account_of

    print(json_module.dumps(asdict(account_of(read_history(output))), indent=1))
