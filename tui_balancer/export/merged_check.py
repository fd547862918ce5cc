"""Whether the merged files of a run hold what its outputs hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.export.merged_keys import MergedKeys, contains, repeated_hashes
from tui_balancer.export.merged_record import (
    MERGED_STEM,
    RECORD_NAME,
    STALE,
    MergedRecord,
    digest_of,
)
from tui_balancer.ledger.records import FileRow, FileState, RunRecord
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.formats import INDEX, format_of

_TABLE = f"{MERGED_STEM}{INDEX.suffix}"
_REMEDY = "Merge again with export --merge"


def merged_flaws(folder: Path, run: RunRecord, rows: Sequence[FileRow]) -> list[str]:
    """Say what is wrong with the merged files of a run; nothing where there are none.

    Each must be as it was written. The table must have the sequences of the outputs and no key
    twice, and each of the others the vectors that the table names.

    Args:
        rows: Its files, without shards.
    """
    record = MergedRecord.read(folder, run)
    if not record.outputs:
        return []
    done = [row for row in rows if row.state is FileState.DONE]
    if record.sources != digest_of(done):
        return [f"{RECORD_NAME}: outputs changed since the merge. {_REMEDY}"]
    flaws = []
    for name, known in record.outputs.items():
        try:
            if known == STALE:
                raise UserError(f"{name} is older than the outputs, or not complete. {_REMEDY}")
            if reason := flaw(folder / name, *known):
                raise UserError(f"{name}: {reason}")
            if name == _TABLE:
                _refuse_other_rows(folder, done)
            else:
                _refuse_other_vectors(folder / name)
        except UserError as problem:
            flaws.append(str(problem))
    return flaws


def _refuse_other_rows(folder: Path, done: Sequence[FileRow]) -> None:
    """Check that the merged table is what the tables of the outputs come to.

    Raises:
        UserError: It is not.
    """
    from tui_balancer.outputs.index import read_index

    table = folder / _TABLE
    if key := _repeated(lambda: (entry.id for entry, found in read_index(table) if found)):
        raise UserError(f"{_TABLE} has the key {key} twice")
    keys = MergedKeys(folder, done)
    expected = chain(
        (line for line in keys.entries() if line[1]),
        (line for line in keys.entries() if not line[1]),
    )
    for there, line in zip_longest(read_index(table), expected):
        if there != line:
            one = there or line
            raise UserError(f"{_TABLE} has another row than the outputs: {one[0].id}. {_REMEDY}")


def _refuse_other_vectors(path: Path) -> None:
    """Check that a merged file has the vectors that the merged table names.

    Raises:
        UserError: It has not.
    """
    from tui_balancer.outputs.comparing import refuse_other_vectors
    from tui_balancer.outputs.index import read_index

    table = read_index(path.with_suffix(INDEX.suffix))
    rows = ((entry.id, found) for entry, found in table if found)
    refuse_other_vectors(format_of(path), path, rows)


def _repeated(ids: Callable[[], Iterable[str]]) -> str:
    """Return an id that occurs twice; empty if there is none.

    Args:
        ids: Yields them, as often as it is called.
    """
    hashes = repeated_hashes(ids())
    several = Counter(id for id in ids() if contains(hashes, id)) if len(hashes) else Counter[str]()
    return next((id for id, count in several.items() if count > 1), "")
