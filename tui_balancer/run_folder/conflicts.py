"""Finds other files at the paths of outputs, which stop a run before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.formatting import listed
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.outputs.dereplication import PLAN_FOLDER
from tui_balancer.outputs.formats import FormatName, outputs_of
from tui_balancer.outputs.found import find_output_files
from tui_balancer.run_folder.names import ATTACH_FILE

_NAMED = 3
"""Maximum number of paths in a message."""


def output_conflicts(
    folder: Path, outputs: Sequence[str], formats: Sequence[FormatName], *, new: bool
) -> list[Path]:
    """Return what is at the places of outputs that a run has not written yet.

    Args:
        folder: The run folder; it may be missing.
        outputs: Of those files, as paths in the folder, in any format.
        new: Whether they are new to the run: it has made no unfinished ones and no shards either.
    """
    suffixes = {one.suffix for one in outputs_of(formats)}
    return [
        one.path
        for one in find_output_files(folder, outputs)
        if (one.suffix in suffixes and (new or not one.unfinished)) or (new and one.is_shard)
    ]


def own_conflicts(folder: Path) -> list[Path]:
    """Return what is at the places of a new run's own files: its plan and its attach file."""
    places = (folder / PLAN_FOLDER, folder / ATTACH_FILE)
    return [place for place in places if os.path.lexists(place)]


def require_folders(folder: Path, outputs: Sequence[str]) -> None:
    """Check that the folders of outputs exist or can be created.

    Raises:
        UserError: Something else is at the place of one.
    """
    # Far fewer than outputs as a rule.
    parents = map(folder.joinpath, {output.rpartition("/")[0] for output in outputs})
    folders = {one for parent in parents for one in (parent, *parent.parents)}
    for one in sorted(folders):
        if folder in one.parents and os.path.lexists(one) and not one.is_dir():
            raise UserError(
                f"{terminal_safe(str(one))} is not a folder, but outputs need that folder. "
                "Move it away, or choose another folder"
            )


def refuse_conflicts(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Check that nothing is lost if a run writes to some paths that exist.

    Args:
        paths: Files, links and folders that the run did not write.
        overwrite: Whether files and links may be replaced.

    Raises:
        UserError: There is one that may not be replaced.
    """
    if overwrite:
        folders = [path for path in paths if path.is_dir() and not path.is_symlink()]
        if folders:
            raise UserError(
                f"folders are in the way of outputs: {_listed(folders)}. "
                "--overwrite replaces no folder: move them away, or choose another folder"
            )
    elif paths:
        raise UserError(
            f"files are in the way of outputs: {_listed(paths)}. "
            "Replace them with --overwrite, or choose another folder"
        )


def _listed(paths: Sequence[Path]) -> str:
    return listed([terminal_safe(str(path)) for path in paths], _NAMED)
