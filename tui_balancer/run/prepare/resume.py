"""A run that was begun before: what its ledger says, and whether its inputs are what they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePath

from tui_balancer.errors import UserError
from tui_balancer.extras import versions
from tui_balancer.formatting import listed, plural
from tui_balancer.inputs.discovery import InputFile, find_inputs
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.lock import RunLock
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import FileRow, FileState, RunRecord, SessionRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.layout import output_paths
from tui_balancer.outputs.sealing import sha256_of
from tui_balancer.run_folder.settings_json import absolute_pattern

_NAMED = 5
"""How many files a line names; more would be no line."""

_ENDS = (FileState.DONE, FileState.FAILED)

OnChecked = Callable[[int, int], None]
"""Called with the progress of the check of the inputs: files checked, files in all."""


@dataclass(frozen=True, slots=True)
class Resuming:
    """What the user allows when a run is resumed.

    Attributes:
        rescan: Accept inputs that changed, and add new ones.
        retry_failed: Try failed files again, and those whose outputs lack sequences.
    """

    rescan: bool = False
    retry_failed: bool = False


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as its ledger has it.

    Attributes:
        files: Every file, none while its scan has not ended; without their shards.
    """

    run: RunRecord
    sessions: tuple[SessionRecord, ...]
    files: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What a resumed run does with its files, besides finishing those that wait.

    Attributes:
        files: How many files the ledger has.
        unfinished: Whether some of them wait.
        rescanned: Numbers of the files to be scanned again.
        reopened: Numbers of the files to be tried again as they are: failed ones, and done ones
            whose outputs lack sequences.
        added: New inputs, and where their outputs belong, relative to the run folder.
        warnings: Lines a person should read.
    """

    files: int
    unfinished: bool
    rescanned: frozenset[int] = frozenset()
    reopened: frozenset[int] = frozenset()
    added: tuple[tuple[InputFile, PurePath], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def has_work(self) -> bool:
        """Whether something is to be done even if all outputs are as they were written."""
        return bool(self.unfinished or self.rescanned or self.reopened or self.added)


def find_run(folder: Path) -> StoredRun | None:
    """Return the run that a folder holds; None when it holds none.

    Raises:
        UserError: Somebody works in it at this moment, or its ledger cannot be read.
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
    patterns: Sequence[str],
    resuming: Resuming,
    on_checked: OnChecked | None = None,
) -> ResumePlan:
    """Decide what a resumed run does with its files; checks every input.

    An input is taken to be unchanged when size and time are, or else its SHA-256.

    Args:
        patterns: The inputs as they are named now.
        on_checked: Called with the progress of the check.

    Raises:
        UserError: Inputs changed or are gone, or others are named, and that is not allowed.
    """
    warnings = _version_warnings(stored)
    found, problem = _find(patterns)
    if problem:
        warnings.append(problem)
    else:
        _refuse_other_inputs(stored, patterns, found)
    known = {row.file.source for row in stored.files}
    new = [file for file in found if file.source not in known]
    if new and not resuming.rescan:
        warnings.append(
            f"{plural(len(new), 'input')} appeared since the scan and "
            f"{'stays' if len(new) == 1 else 'stay'} out: "
            f"{listed([file.name for file in new], _NAMED)}; --rescan adds them"
        )
    rescanned, reopened, left_over = _judge(stored.files, resuming, on_checked)
    if left_over:
        warnings.append(
            f"{plural(len(left_over), 'input')} of finished outputs "
            f"{'is' if len(left_over) == 1 else 'are'} gone: {listed(left_over, _NAMED)}"
        )
    return ResumePlan(
        files=len(stored.files),
        unfinished=any(row.state not in _ENDS for row in stored.files),
        rescanned=rescanned,
        reopened=reopened,
        added=_placed(stored, found, new) if resuming.rescan else (),
        warnings=tuple(warnings),
    )


def _find(patterns: Sequence[str]) -> tuple[tuple[InputFile, ...], str]:
    """Return the inputs there are now; or none and why, for the run knows its files anyway."""
    try:
        return find_inputs(patterns), ""
    except UserError as problem:
        return (), f"no new inputs were looked for: {problem}"


def _refuse_other_inputs(
    stored: StoredRun, patterns: Sequence[str], found: Sequence[InputFile]
) -> None:
    """Refuse other files than those of the run, however they are named."""
    if [absolute_pattern(pattern) for pattern in patterns] == stored.run.settings["inputs"]:
        return
    named = {file.source for file in found}
    missing = [
        row.file.name
        for row in stored.files
        if row.file.source not in named and Path(row.file.source).exists()
    ]
    if missing:
        raise UserError(
            f"the run has {plural(len(stored.files), 'input')}, {len(named):,} are named now and "
            f"{listed(missing, _NAMED)} not among them: name the same, or choose another folder "
            "with --output"
        )


def _judge(
    files: Sequence[FileRow], resuming: Resuming, on_checked: OnChecked | None
) -> tuple[frozenset[int], frozenset[int], list[str]]:
    """Return the files to scan again, those to try again, and done ones whose input is gone."""
    rescanned, reopened = set[int](), set[int]()
    refused: list[str] = []
    left_over: list[str] = []
    for number, row in enumerate(files, start=1):
        failed, file = row.state is FileState.FAILED, row.file
        if failed and not (resuming.retry_failed or resuming.rescan):
            continue
        change = _change(row)
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


def _change(row: FileRow) -> str:
    """Return how an input differs from its scan; empty if it does not."""
    path = Path(row.file.source)
    try:
        status = path.stat()
        if (status.st_size, status.st_mtime_ns) == (row.file.size_bytes, row.file.mtime_ns):
            return ""
        same = status.st_size == row.file.size_bytes and sha256_of(path) == row.file.sha256
    except FileNotFoundError:
        return "gone"
    except OSError as problem:
        return f"cannot be read: {problem.strerror}"
    return "" if same else "changed"


def _placed(
    stored: StoredRun, found: Sequence[InputFile], new: Sequence[InputFile]
) -> tuple[tuple[InputFile, PurePath], ...]:
    """Give new inputs their outputs; those of the others stay where they are."""
    suffix = PurePath(stored.files[0].file.output).suffix
    places = dict(zip(found, output_paths(found, suffix), strict=True))
    taken = {row.file.output for row in stored.files}
    for file in new:
        if str(places[file]) in taken:
            raise UserError(
                f"{file.name} cannot be added, its output {places[file]} belongs to another "
                "input: rename it, or choose another folder with --output"
            )
    return tuple((file, places[file]) for file in new)


def _version_warnings(stored: StoredRun) -> list[str]:
    """Say which libraries are not those of the last session: the last bits may differ."""
    before, now = stored.sessions[-1].versions, versions()
    return [
        f"{name} is {now[name]} now and was {before[name]} before: new outputs may differ from "
        "the others in the last bits"
        for name in ("torch", "fair-esm")
        if name in now and name in before and now[name] != before[name]
    ]
