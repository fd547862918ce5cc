"""The HTML page: one self-contained file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tui_balancer import __version__, failures, notices
from tui_balancer.failures import FailureCause
from tui_balancer.formatting import count, duration, percent, plural, quantity
from tui_balancer.history.page.embedding_map import EmbeddingMap
from tui_balancer.history.page.throughput import throughput
from tui_balancer.history.page.timeline import calendar, timeline
from tui_balancer.history.run_report import FileReport, RunReport
from tui_balancer.notices import example_line

MOST_FILES: Final = 5_000
"""Maximum rows of a table; `--json` has all, since browsers are slow with long tables."""

MOST_TRANSFERS: Final = 1_000

_CONTROLS: Final = dict.fromkeys({*range(32), 127} - {*b"\t\n"}, "\N{REPLACEMENT CHARACTER}")
"""No page may have these, NUL before all."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """The rows of a long table that are on the page, and how many there are."""

    rows: tuple[object, ...]
    of: int

    @property
    def cut(self) -> bool:
        return len(self.rows) < self.of


def page(account: RunReport, embeddings: EmbeddingMap | str | None = None) -> str:
    """Return the report as HTML.

    Every text from outside goes through Jinja's escaping, and the page's own policy forbids
    the browser to load anything and to run any script but the one that sorts the tables.

    Args:
        account: The run.
        embeddings: The map of its embeddings, or why there is none; None leaves it out.
    """
    environment = Environment(
        loader=PackageLoader("tui_balancer.history", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "count": count,
        "duration": duration,
        "example_line": example_line,
        "failure_advice": lambda file: failures.ADVICE.get(FailureCause(file.cause), ""),
        "moment": calendar,
        "percent": percent,
        "plural": plural,
        "quantity": quantity,
        "warning_advice": lambda notice: notices.ADVICE[notice.kind],
        "warning_words": lambda notice: notices.WORDS.get(notice.kind, notice.text),
    }
    script = environment.get_template("report.js").render()
    text = environment.get_template("report.html.jinja").render(
        account=account,
        version=__version__,
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        headline=headline(account),
        timeline=timeline(account),
        throughput=throughput(account),
        embeddings=embeddings,
        failures=[file for file in account.files if file.state == "failed"],
        files=_shown_files(account.files),
        transfers=_Shown(account.transfers[:MOST_TRANSFERS], len(account.transfers)),
    )
    # Names may contain control characters and bytes that are not UTF-8.
    return text.translate(_CONTROLS).encode("utf-8", "replace").decode()


def headline(account: RunReport) -> str:
    """Return the result of the run in one line."""
    files = account.done + account.failed + account.skipped + account.waiting
    parts = [f"{count(account.done)} of {plural(files, 'file')} done"]
    if account.failed:
        parts.append(f"{count(account.failed)} failed")
    if account.skipped:
        parts.append(f"{count(account.skipped)} skipped by hand")
    if account.waiting:
        parts.append(f"{count(account.waiting)} still waiting")
    return ", ".join(parts)


def _shown_files(files: tuple[FileReport, ...]) -> _Shown:
    """Return the files for the page in input order; if there are too many, the costliest."""
    if len(files) <= MOST_FILES:
        return _Shown(files, len(files))
    least = sorted((file.cost for file in files), reverse=True)[MOST_FILES - 1]
    return _Shown(tuple(file for file in files if file.cost >= least)[:MOST_FILES], len(files))
