"""Inputs that are added to a run at work: which are new, where their outputs belong, the scan."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.formatting import listed, plural
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.ledger.records import FileRecord
from tui_balancer.notices import Notice
from tui_balancer.outputs.dereplication import (
    added_plan,
    added_plans,
    discard_plan,
    plan_folder,
)
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.outputs.layout import comparable, output_paths
from tui_balancer.run.prepare.models import PreparedModel, refuse_wrong_alphabets
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.scanning import ScannedFiles, scan_model
from tui_balancer.run_folder.conflicts import output_conflicts, refuse_conflicts, require_folders
from tui_balancer.run_folder.disk_space import ToWrite, check_space
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.scheduler.commands import AddFiles

_NAMED = 3
"""Maximum number of files that a message names."""


@dataclass(frozen=True, slots=True)
class NewInputs:
    """Inputs to add to a run.

    Attributes:
        models: The run's models that get some, with these as their inputs.
        known: Number of inputs that the run has already.
    """

    models: tuple[PreparedModel, ...]
    known: int

    @property
    def count(self) -> int:
        """Number of inputs to add; one of two models counts twice, as everywhere."""
        return sum(len(model.inputs) for model in self.models)

    @property
    def scanning(self) -> str:
        """What is done with them, in a line."""
        return f"scanning {plural(self.count, 'file')}{_known(self.known)}"

    @property
    def nothing(self) -> str:
        """Why there is nothing to add."""
        return f"nothing to add{_known(self.known)}"


def models_of(prepared: PreparedRun, command: AddFiles) -> dict[int, list[str]]:
    """Return the inputs that a command names for each model, by its place in the run.

    Raises:
        UserError: A model is not the run's, or an input has no model.
    """
    alone, models = prepared.settings.by_model, prepared.models
    named: dict[int, list[str]] = {}
    for name, pattern in command.by_model:
        places = [
            place
            for place, (one, model) in enumerate(zip(alone, models, strict=True))
            if name in (one.model, model.source.name, model.source.label)
        ]
        if not places:
            raise UserError(f"{name} is not a model of this run, which has {prepared.model_label}")
        named.setdefault(places[0], []).append(pattern)
    if not command.inputs:
        return named
    if len({one.inputs for one in alone}) > 1:
        raise UserError(
            f"{command.inputs[0]} has no model: the models of this run have inputs of their own. "
            "Name it as --model MODEL=INPUT"
        )
    others = [place for place in range(len(models)) if place not in named]
    return named | {place: list(command.inputs) for place in others}


class InputsHeld:
    """What a run has: its inputs and the places of their outputs.

    Args:
        manifest: Its files, which may grow.

    Attributes:
        sources: Paths of the inputs of each model, by its place.
        outputs: Places of outputs, as `comparable` has them.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.sources: defaultdict[int, set[str]] = defaultdict(set)
        self.outputs: set[str] = set()
        self._seen = 0

    def update(self) -> None:
        """Note the files that the manifest has got since the last call."""
        manifest = self.manifest
        for file in manifest.files[self._seen :]:
            if not file.is_shard:
                self.sources[manifest.model(file.file_id)].add(file.source)
                self.outputs.add(comparable(file.output))
        self._seen = len(manifest.files)

    @property
    def root(self) -> str:
        """The folder that the run mirrors, with a slash; empty without files."""
        if not self.manifest.files:
            return ""
        first = self.manifest.files[0]
        return first.source.removesuffix(first.full_name)


def new_inputs(
    prepared: PreparedRun, held: InputsHeld, found: Mapping[int, Sequence[InputFile]]
) -> NewInputs:
    """Return what a run does not have of the inputs found for its models.

    Files below the folder that the run mirrors have their places there, as if they had been
    there from the start; others have theirs below the deepest folder that holds both.

    Args:
        held: What it has.
        found: The inputs by the places of their models.

    Raises:
        UserError: An input would go to two models that read different alphabets, or inputs have
            the same name.
    """
    held.update()
    root = held.root
    models = []
    old = 0
    for place, files in found.items():
        new = [file for file in files if file.source not in held.sources[place]]
        old += len(files) - len(new)
        inputs = tuple(_mirrored(file, root) for file in new)
        if len({file.mirrored for file in inputs}) < len(inputs):
            raise UserError(
                f"some of these inputs have the same name below {root}: add them one by one"
            )
        models.append(replace(prepared.models[place], inputs=inputs))
    refuse_wrong_alphabets(models)
    return NewInputs(tuple(model for model in models if model.inputs), old)


def scan_added(
    prepared: PreparedRun, held: InputsHeld, new: NewInputs, stop: threading.Event
) -> ScannedFiles:
    """Scan new inputs, after a check that nothing is in the way of their outputs.

    Raises:
        ScanStopped: `stop` was set.
        UserError: Their outputs are in the way of others, or do not fit on the disk.
    """
    settings, manifest = prepared.settings, held.manifest
    for model in new.models:
        _refuse_taken(prepared, held, model)
    files: list[FileRecord] = []
    warnings: list[Notice] = []
    to_write: list[ToWrite] = []
    plans: list[Path] = []
    try:
        for model in new.models:
            first = len(manifest.files) + len(files)
            place = plan_folder(manifest.folder, model.plan_mark)
            for left in added_plans(place):
                if left >= len(manifest.files):
                    # An app that died left it, before the ledger had its files.
                    discard_plan(added_plan(place, left))
            plans.append(added_plan(place, first))
            scanned = scan_model(
                model,
                prepared,
                first,
                lambda *_: None,
                stop,
                place=plans[-1],
                taken=held.outputs,
            )
            files += scanned.files
            warnings += scanned.warnings
            good = [file for file in scanned.files if not file.error]
            whole, shards = _apart(good)
            to_write.append(ToWrite(whole, model.kept, shards))
        tight = check_space(manifest.folder, to_write, settings.outputs.formats)
    except BaseException:
        for place in plans:
            discard_plan(place)
        raise
    return ScannedFiles(files, (*warnings, *map(Notice, tight)))


def _refuse_taken(prepared: PreparedRun, held: InputsHeld, model: PreparedModel) -> None:
    """Check that the outputs of a model's new inputs have their places to themselves.

    Raises:
        UserError: Another input's, or a file that the run has not written, is in the way.
    """
    settings, folder = prepared.settings, held.manifest.folder
    suffix = FORMATS[settings.outputs.formats[0]].suffix
    paths = output_paths(model.inputs, suffix, model.mark, held.outputs)
    for file, path in zip(model.inputs, paths, strict=True):
        if comparable(str(path)) in held.outputs:
            raise UserError(
                f"{file.name} cannot be added, its output {path} belongs to another input: "
                "rename it, or choose another folder with --output"
            )
    outputs = list(map(str, paths))
    conflicts = output_conflicts(folder, outputs, settings.outputs.formats, new=True)
    require_folders(folder, outputs)
    refuse_conflicts(conflicts, overwrite=settings.overwrite)


def added_text(files: Sequence[FileRecord], known: int) -> str:
    """Return which files were added, as text for the log.

    Args:
        files: They, with their shards.
        known: Number of inputs that the run had before.
    """
    names = [file.name for file in files if not file.is_shard]
    return f"{plural(len(names), 'file')}: {listed(names, _NAMED)}{_known(known)}"


def _known(files: int) -> str:
    """Return the end of a line that says how many inputs the run has already."""
    if not files:
        return ""
    return f"; {plural(files, 'file')} {'is' if files == 1 else 'are'} in the run already"


def _mirrored(file: InputFile, root: str) -> InputFile:
    if not root:
        return file
    shared = os.path.commonpath((root, file.source)).rstrip("/")
    return InputFile(file.source, file.source[len(shared) + 1 :])


def _apart(files: Sequence[FileRecord]) -> tuple[list[FileRecord], list[FileRecord]]:
    """Return files, and their shards."""
    return [one for one in files if not one.is_shard], [one for one in files if one.is_shard]
