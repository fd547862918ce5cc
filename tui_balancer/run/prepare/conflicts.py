"""Other files at the paths where a run would write."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from tui_balancer.export.merge import merged_conflicts
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.ledger.lock import refuse_foreign_lock
from tui_balancer.ledger.records import FileState
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.outputs.layout import output_paths
from tui_balancer.run.prepare.resume import StoredRun
from tui_balancer.run_folder.conflicts import (
    output_conflicts,
    own_conflicts,
    refuse_conflicts,
    require_folders,
)
from tui_balancer.settings import RunSettings


def refuse_run_conflicts(
    settings: RunSettings,
    inputs: Sequence[Sequence[InputFile]],
    stored: StoredRun | None,
    *,
    retry_failed: bool,
) -> None:
    """Refuse a run that would overwrite files that it did not write.

    Args:
        inputs: The inputs found of each model, for a new run.
        stored: The stored run; None if it is new.
        retry_failed: Whether failed files are retried.

    Raises:
        UserError: Other files are in the way.
    """
    folder, formats = settings.output.absolute(), settings.outputs.formats
    refuse_foreign_lock(folder)
    if stored is not None and stored.files:
        ends = {FileState.DONE} if retry_failed else {FileState.DONE, FileState.FAILED}
        rows = [row for row in stored.files if not row.owned and row.state not in ends]
        outputs = [row.file.output for row in rows]
        conflicts = output_conflicts(folder, outputs, formats, new=False)
    elif folder.is_dir() and any(folder.iterdir()):
        suffix = FORMATS[formats[0]].suffix
        by_model = zip(inputs, settings.output_marks, strict=True)
        paths = (output_paths(found, suffix, mark) for found, mark in by_model)
        outputs = list(map(str, chain.from_iterable(paths)))
        conflicts = output_conflicts(folder, outputs, formats, new=True)
        if stored is None:
            conflicts += own_conflicts(folder)
    else:
        return
    require_folders(folder, outputs)
    if settings.outputs.merge:
        run = stored.run if stored is not None else None
        conflicts += merged_conflicts(folder, formats, run, settings.output_marks)
    refuse_conflicts(conflicts, overwrite=settings.overwrite)
