"""Resuming a stored run: reads its ledger and checks its inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath

from tui_balancer.errors import UserError
from tui_balancer.extras import versions
from tui_balancer.formatting import listed, plural
from tui_balancer.inputs.finding.discovery import InputFile, find_inputs
from tui_balancer.inputs.finding.patterns import absolute_pattern
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.lock import RunLock
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import FileRow, FileState, RunRecord, SessionRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.layout import STEM_SUFFIX, marked_output, output_paths
from tui_balancer.outputs.sealing import sha256_of

_NAMED = 5
"""Maximum number of files that a message names."""

_ENDS = (FileState.DONE, FileState.FAILED)

OnChecked = Callable[[int, int], None]
"""Called with the progress of the input check: files checked, files in all."""


@dataclass(frozen=True, slots=True)
class Resuming:
    """The user's options for a resumed run.

    Attributes:
        rescan: Accept inputs that changed, and add new ones.
        retry_failed: Retry failed files, and those whose outputs lack sequences.
        full_check: Compare the bytes of inputs and outputs, also where size and time are the same.
    """

    rescan: bool = False
    retry_failed: bool = False
    full_check: bool = False


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as stored in its ledger.

    Attributes:
        files: Every file, without shards; none before the end of its scan.
    """

    run: RunRecord
    sessions: tuple[SessionRecord, ...]
    files: tuple[FileRow, ...]

    @property
    def finished(self) -> bool:
        """Whether its inputs were scanned, and none of them waits."""
        return bool(self.files) and all(row.state in _ENDS for row in self.files)


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What a resumed run does with its files, in addition to finishing waiting ones.

    Attributes:
        files: Number of files in the ledger.
        unfinished: Whether some of them wait.
        rescanned: Numbers of the files to scan again.
        reopened: Numbers of the files to retry unchanged: failed ones, and done ones whose outputs
            lack sequences.
        added: New inputs, and the paths of their outputs relative to the run folder.
        warnings: Lines for the user.
        full_check: As `Resuming.full_check`, for the outputs.
    """

    files: int
    unfinished: bool
    rescanned: frozenset[int] = frozenset()
    reopened: frozenset[int] = frozenset()
    added: tuple[tuple[InputFile, PurePath], ...] = ()
    warnings: tuple[str, ...] = ()
    full_check: bool = False

    @property
    def has_work(self) -> bool:
        """Whether there is work even if all outputs are intact."""
        return bool(self.unfinished or self.rescanned or self.reopened or self.added)


def find_run(folder: Path) -> StoredRun | None:
    """Return the run stored in a folder; None if there is none.

    Raises:
        UserError: Another process uses it, or its ledger is unreadable.
    """
    path = folder / LEDGER_NAME
    if is_blank(path):
        return None
    RunLock.acquire(folder).release()
    with closing(read_ledger(path)) as ledger:
        try:
            files = tuple(row for row in ledger.files() if not row.file.is_shard)
            return StoredRun(ledger.run(), ledger.sessions(), files)
        except LedgerError as problem:
            raise UserError(str(problem)) from problem


def plan_resume(
    stored: StoredRun,
    by_model: Sequence[Sequence[str]],
    resuming: Resuming,
    on_checked: OnChecked | None = None,
    marks: Sequence[str] = (STEM_SUFFIX,),
    *,
    watched: bool = False,
) -> ResumePlan:
    """Decide what a resumed run does with its files; checks every input.

    An input counts as unchanged if its size and time are, or else its SHA-256; with `full_check`,
    if its SHA-256 is.

    Args:
        by_model: What each model's inputs are named now.
        on_checked: Called with the progress of the check.
        marks: Of the models.
        watched: Whether the inputs are folders that are watched: new ones are added by that.

    Raises:
        UserError: Inputs changed, are missing or differ, and the options do not allow it.
    """
    warnings = _version_warnings(stored)
    found, problem = _find(_each_once(by_model))
    if problem:
        warnings += [] if watched else [problem]
    else:
        _refuse_other_inputs(stored, _each_once(by_model), found)
    news = _new_inputs(stored, by_model, found, marks)
    new = list(dict.fromkeys(chain.from_iterable(one.new for one in news)))
    if new and not (resuming.rescan or watched):
        warnings.append(
            f"{plural(len(new), 'input')} appeared since the scan and "
            f"{'stays' if len(new) == 1 else 'stay'} out: "
            f"{listed([file.name for file in new], _NAMED)}; --rescan adds them"
        )
    rescanned, reopened, left_over = _judge(stored.files, resuming, on_checked)
    if left_over:
        warnings.append(
            f"{plural(len(left_over), 'input')} of finished outputs "
            f"{'is' if len(left_over) == 1 else 'are'} missing: {listed(left_over, _NAMED)}"
        )
    return ResumePlan(
        files=len(stored.files),
        unfinished=not stored.finished,
        rescanned=rescanned,
        reopened=reopened,
        added=_placed(stored, news) if resuming.rescan else (),
        warnings=tuple(warnings),
        full_check=resuming.full_check,
    )


@dataclass(frozen=True, slots=True)
class _NewInputs:
    """The inputs of a model that the stored run does not have, among all that it has now."""

    mark: str
    found: tuple[InputFile, ...]
    new: tuple[InputFile, ...]


def _new_inputs(
    stored: StoredRun,
    by_model: Sequence[Sequence[str]],
    found: tuple[InputFile, ...],
    marks: Sequence[str],
) -> list[_NewInputs]:
    """Return the new inputs of each model.

    Args:
        by_model: What each model's inputs are named.
        found: The inputs of all models.
        marks: Of the models.
    """
    known: list[set[str]] = [set() for _ in marks]
    for row in stored.files:
        known[marked_output(row.file.output, marks)].add(row.file.source)
    news = []
    for patterns, mark, old in zip(by_model, marks, known, strict=True):
        own = found
        if found and any(patterns != others for others in by_model):
            sources = {file.source for file in find_inputs(patterns)}
            own = tuple(file for file in found if file.source in sources)
        news.append(_NewInputs(mark, own, tuple(one for one in own if one.source not in old)))
    return news


def _each_once(by_model: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(by_model)))


def _find(patterns: Sequence[str]) -> tuple[tuple[InputFile, ...], str]:
    """Return the current inputs; or none and a reason, since the ledger has the files anyway."""
    try:
        return find_inputs(patterns), ""
    except UserError as problem:
        return (), f"the search for new inputs failed: {problem}"


def _refuse_other_inputs(
    stored: StoredRun, patterns: Sequence[str], found: Sequence[InputFile]
) -> None:
    """Refuse files other than those of the run."""
    kept = [stored.run.settings, *stored.run.settings.get("further", ())]
    before = _each_once([one["inputs"] for one in kept])
    if [absolute_pattern(pattern) for pattern in patterns] == before:
        return
    named = {file.source for file in found}
    missing = [
        row.file.name
        for row in stored.files
        if row.file.source not in named and Path(row.file.source).exists()
    ]
    if missing:
        inputs = len({row.file.source for row in stored.files})
        raise UserError(
            f"the run has {plural(inputs, 'input')}, {len(named):,} are named now and "
            f"{listed(missing, _NAMED)} not among them: name the same, or choose another folder "
            "with --output"
        )


def _judge(
    files: Sequence[FileRow], resuming: Resuming, on_checked: OnChecked | None
) -> tuple[frozenset[int], frozenset[int], list[str]]:
    """Return the files to scan again, those to retry, and done ones with a missing input."""
    rescanned, reopened = set[int](), set[int]()
    refused: list[str] = []
    left_over: list[str] = []
    for number, row in enumerate(files, start=1):
        failed, file = row.state is FileState.FAILED, row.file
        if failed and not (resuming.retry_failed or resuming.rescan):
            continue
        change = _change(row, full=resuming.full_check)
        if change == "gone" and row.state is FileState.DONE:
            left_over.append(file.name)
        elif change and (failed or resuming.rescan):
            rescanned.add(file.file_id)
        elif change:
            refused.append(f"{file.name} ({change})")
        elif resuming.retry_failed and (failed or row.missing):
            (rescanned if file.error else reopened).add(file.file_id)
        if on_checked is not None:
            on_checked(number, len(files))
    if refused:
        raise UserError(
            f"{plural(len(refused), 'input')} changed since the scan: {listed(refused, _NAMED)}; "
            "put them back, or accept them with --rescan, which embeds them again"
        )
    return frozenset(rescanned), frozenset(reopened), left_over


def _change(row: FileRow, *, full: bool) -> str:
    """Return how an input differs from its scan; empty if not at all."""
    try:
        # A million inputs are checked without a million paths.
        status = os.stat(row.file.source)  # noqa: PTH116
        known = (row.file.size_bytes, row.file.mtime_ns)
        if not full and (status.st_size, status.st_mtime_ns) == known:
            return ""
        same = status.st_size == row.file.size_bytes
        same = same and sha256_of(Path(row.file.source)) == row.file.sha256
    except FileNotFoundError:
        return "gone"
    except OSError as problem:
        return f"cannot be read: {problem.strerror}"
    return "" if same else "changed"


def _placed(
    stored: StoredRun, news: Sequence[_NewInputs]
) -> tuple[tuple[InputFile, PurePath], ...]:
    """Assign output paths to new inputs; existing ones stay."""
    suffix = PurePath(stored.files[0].file.output).suffix
    taken = {row.file.output for row in stored.files}
    placed = []
    for one in news:
        places = dict(zip(one.found, output_paths(one.found, suffix, one.mark), strict=True))
        placed += [(file, places[file]) for file in one.new]
    for file, place in placed:
        if str(place) in taken:
            raise UserError(
                f"{file.name} cannot be added, its output {place} belongs to another "
                "input: rename it, or choose another folder with --output"
            )
    return tuple(placed)


def _version_warnings(stored: StoredRun) -> list[str]:
    """Warn about libraries that differ from the last session: the last bits may differ."""
    before, now = stored.sessions[-1].versions, versions()
    return [
        f"{name} is {now[name]} now and was {before[name]} before: new outputs may differ from "
        "the others in the last bits"
        for name in ("torch", "fair-esm")
        if name in now and name in before and now[name] != before[name]
    ]
