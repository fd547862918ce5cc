"""Whether the merged files of a run hold what its outputs hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.export.merged_keys import MergedKeys, contains, repeated_hashes
from tui_balancer.export.merged_record import (
    STALE,
    MergedModel,
    MergedRecord,
    digest_of,
    merged_models,
)
from tui_balancer.ledger.records import FileRow, RunRecord
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.formats import INDEX, format_of
from tui_balancer.run_folder.settings_json import marks_of

_REMEDY = "Merge again with export --merge"


def merged_flaws(folder: Path, run: RunRecord, rows: Sequence[FileRow]) -> list[str]:
    """Say what is wrong with the merged files of a run; nothing where there are none.

    Each must be as it was written. The table must have the sequences of the outputs and no key
    twice, and each of the others the vectors that the table names.

    Args:
        rows: Its files, without shards.
    """
    models = merged_models(marks_of(run), rows)
    return list(chain.from_iterable(_flaws_of(folder, run, one) for one in models))


def _flaws_of(folder: Path, run: RunRecord, model: MergedModel) -> list[str]:
    record = MergedRecord.read(folder / model.record_name, run)
    if not record.outputs:
        return []
    if record.sources != digest_of(model.done):
        return [f"{model.record_name}: outputs changed since the merge. {_REMEDY}"]
    flaws = []
    for name, known in record.outputs.items():
        try:
            if known == STALE:
                raise UserError(f"{name} is older than the outputs, or not complete. {_REMEDY}")
            if reason := flaw(folder / name, *known):
                raise UserError(f"{name}: {reason}")
            if name == f"{model.stem}{INDEX.suffix}":
                _refuse_other_rows(folder / name, model)
            else:
                _refuse_other_vectors(folder / name)
        except UserError as problem:
            flaws.append(str(problem))
    return flaws


def _refuse_other_rows(table: Path, model: MergedModel) -> None:
    """Check that the merged table is what the tables of the outputs come to.

    Raises:
        UserError: It is not.
    """
    from tui_balancer.outputs.index import read_index

    if key := _repeated(lambda: (entry.id for entry, found in read_index(table) if found)):
        raise UserError(f"{table.name} has the key {key} twice")
    keys = MergedKeys(table.parent, model.done, model.mark)
    expected = chain(
        (line for line in keys.entries() if line[1]),
        (line for line in keys.entries() if not line[1]),
    )
    for there, line in zip_longest(read_index(table), expected):
        if there != line:
            one = there or line
            raise UserError(
                f"{table.name} has another row than the outputs: {one[0].id}. {_REMEDY}"
            )


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
