"""A run's settings as the ledger keeps them: into JSON, out of it, and held against others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert, to_builtins

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.requests import CheckpointModel, parse_model
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.patterns import absolute_pattern
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import RunRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.layout import STEM_SUFFIX
from tui_balancer.run_folder.stored_models import model_json, unchanged_model
from tui_balancer.settings import MODELS_JOINED, RunSettings, overlaid

_NOT_STORED = ("output", "cluster", "overwrite")
"""What each command says for itself; all other settings belong to the run."""

_CHECKPOINT = "checkpoint"
"""Where the JSON says which weights the model's name meant, see `model_json`."""

_FURTHER = "further"
"""Where the JSON has the other models of a run, each with its own `checkpoint`."""

_SEVERAL = (_FURTHER, "marks")
"""What only the JSON of a run with several models has."""

_DECISIVE = (
    "embedding.",
    "reading.",
    "outputs.formats",
    "devices.cpu_threads",
    "store.folder",
    "checkpoint.label",
    "checkpoint.sha256",
)
"""The settings that decide a result, and the groups of which each setting does."""

_OF_A_MODEL = ("checkpoint.sha256", "reading.alphabet.")
"""The settings that follow from the model."""

_NAMES = {
    "checkpoint.label": "--model",
    "checkpoint.sha256": "the model's sha256",
    "embedding.dereplicate": "computing copies once (--no-dereplication)",
    "reading.segment_bytes": "the size of a file's segments",
    "outputs.formats": "--format",
    "store.folder": "--store",
}
"""What a person calls settings that are not named as their options."""


Embedded = tuple[ModelSource, EmbeddingSettings]
"""A model of a run, and how it computes."""


def run_record(
    settings: RunSettings, models: Sequence[Embedded], devices: Sequence[SelectedDevice]
) -> RunRecord:
    """Return what the ledger of a new run begins with: settings with nothing left open.

    Args:
        settings: As asked for.
        models: The models of the settings.
        devices: Of the run.
    """
    alone = [
        replace(
            one,
            inputs=tuple(absolute_pattern(pattern) for pattern in one.inputs),
            model=_lasting_request(one),
            embedding=overlaid(one.embedding, resolved(how, source)),
            devices=replace(one.devices, cpu_threads=cpu_threads(devices)),
        )
        for one, (source, how) in zip(settings.by_model, models, strict=True)
    ]
    checkpoints = [model_json(source) for source, _ in models]
    content = _as_json(RunSettings.of_models(alone, settings.marks))
    for one, checkpoint in zip(content.get(_FURTHER, ()), checkpoints[1:], strict=True):
        one[_CHECKPOINT] = checkpoint
    label = MODELS_JOINED.join(source.label for source, _ in models)
    return RunRecord(time.time(), label, {_CHECKPOINT: checkpoints[0], **content})


def stored_settings(run: RunRecord, output: Path) -> RunSettings:
    """Return the settings that a run was begun with, so that `resume` needs nothing else.

    Settings that an older version did not know have their defaults.

    Raises:
        UserError: A newer version of the program wrote them.
    """
    stored = {name: value for name, value in run.settings.items() if name != _CHECKPOINT}
    if _FURTHER in stored:
        stored[_FURTHER] = [
            {name: value for name, value in one.items() if name != _CHECKPOINT}
            for one in stored[_FURTHER]
        ]
    try:
        settings: RunSettings = convert({**stored, "output": output}, RunSettings)
    except ValidationError as problem:
        raise _newer(str(problem)) from problem
    unknown = dict(_flat(stored)).keys() - dict(_flat(_as_json(settings))).keys()
    if unknown:
        raise _newer(", ".join(sorted(unknown)))
    return settings


def unchanged_models(run: RunRecord, settings: RunSettings) -> list[ModelSource | None]:
    """Return the models of settings that are a stored run's and unchanged; None for the others."""
    there = {(one["model"], one["seed"]): one[_CHECKPOINT] for one in _by_model(run.settings)}
    return [
        unchanged_model(there.get((_lasting_request(one), one.seed), {}))
        for one in settings.by_model
    ]


def marks_of(run: RunRecord) -> tuple[str, ...]:
    """Return the marks of a stored run's models, see `layout.distinct_marks`."""
    return tuple(run.settings.get("marks", (STEM_SUFFIX,)))


def settings_of(folder: Path) -> RunSettings:
    """Return the settings of the run that a folder holds, without a look at its files.

    Raises:
        UserError: It holds none.
    """
    path = folder / LEDGER_NAME
    if is_blank(path):
        raise UserError(f"{folder} contains no run: give the folder that run had as --output")
    try:
        with closing(read_ledger(path)) as ledger:
            return stored_settings(ledger.run(), folder)
    except LedgerError as problem:
        raise UserError(str(problem)) from problem


def with_stored_defaults(settings: RunSettings, run: RunRecord) -> RunSettings:
    """Return settings whose open defaults are those of the run."""
    stored = stored_settings(run, settings.output)
    # Of other models than the run's, `refuse_differences` tells.
    models = zip_longest(settings.by_model, stored.by_model)
    alone = [_with_defaults_of(asked, there or stored) for asked, there in models if asked]
    return RunSettings.of_models(alone, settings.marks)


def _with_defaults_of(settings: RunSettings, stored: RunSettings) -> RunSettings:
    asked, settled = settings.embedding, stored.embedding
    precision = asked.precision
    if precision == "auto" and asked.reference == settled.reference:
        precision = settled.precision
    return replace(
        settings,
        embedding=replace(
            asked, batch_tokens=asked.batch_tokens or settled.batch_tokens, precision=precision
        ),
        reading=replace(
            settings.reading,
            max_length=settings.reading.max_length or stored.reading.max_length,
        ),
        devices=replace(
            settings.devices,
            cpu_threads=settings.devices.cpu_threads or stored.devices.cpu_threads,
        ),
        store=replace(settings.store, until=stored.store.until),
    )


def refuse_differences(
    run: RunRecord,
    settings: RunSettings,
    models: Sequence[Embedded],
    devices: Sequence[SelectedDevice],
) -> None:
    """Check that the settings that affect results are those of the run.

    Raises:
        UserError: Something differs; the line says what, how it is there, and what was asked.
    """
    known = {**run.settings, **_as_json(stored_settings(run, settings.output))}
    for one, there in zip(known.get(_FURTHER, ()), run.settings.get(_FURTHER, ()), strict=True):
        one[_CHECKPOINT] = there[_CHECKPOINT]
    asked = run_record(settings, models, devices)
    stored, wanted = _by_model(known), _by_model(asked.settings)
    if len(stored) != len(wanted):
        raise _other_settings(settings, f"--model is {run.model} there, {asked.model} was asked")
    for there, here in zip(stored, wanted, strict=True):
        _refuse_different(settings, dict(_flat(there)), dict(_flat(here)))


def _refuse_different(
    settings: RunSettings, there: Mapping[str, Any], here: Mapping[str, Any]
) -> None:
    """Check the settings of one model."""
    decisive = {name for name in here if name.startswith(_DECISIVE)}
    if there["checkpoint.label"] != here["checkpoint.label"]:
        # Other models have other weights, and read other letters.
        decisive = {one for one in decisive if not one.startswith(_OF_A_MODEL)}
    if None in (there["devices.cpu_threads"], here["devices.cpu_threads"]):
        # A run that had no processor among its devices so far has no threads to keep to.
        decisive.remove("devices.cpu_threads")
    different = [name for name in here if name in decisive and there[name] != here[name]]
    if different:
        differences = "; ".join(
            f"{_named(name)} is {_shown(there[name])} there, {_shown(here[name])} was asked"
            for name in different
        )
        raise _other_settings(settings, differences)


def cpu_threads(devices: Sequence[SelectedDevice]) -> int | None:
    """Return the threads of a run's CPU workers; None where there are none."""
    return next((one.threads for one in devices if one.kind == "cpu"), None)


def resolved(embedding: EmbeddingSettings, model: ModelSource) -> EmbeddingSettings:
    """Return settings whose layers are counted from the first: two ways to name them are one."""
    kept = embedding.representations(model.shape.layers, model.shape.width)
    return replace(embedding, repr_layers=kept.layers, include=kept.names)


def _as_json(settings: RunSettings) -> dict[str, Any]:
    """Return the settings that belong to the run as values that JSON has."""
    left_out = (*_NOT_STORED, *(name for name in _SEVERAL if not getattr(settings, name)))
    names = (field.name for field in fields(settings) if field.name not in left_out)
    return {name: to_builtins(getattr(settings, name)) for name in names}


def _flat(nested: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting with its dotted name."""
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{group}{name}.")
        else:
            yield f"{group}{name}", value


def _lasting_request(settings: RunSettings) -> str:
    """Return what was asked for as the model, a path as it is meant from any folder."""
    request = parse_model(settings.model, settings.seed)
    if isinstance(request, CheckpointModel):
        return str(request.path.absolute())
    return settings.model


def _by_model(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON of a run as that of a run with each model alone."""
    alone = {name: value for name, value in content.items() if name not in _SEVERAL}
    return [alone, *({**alone, **one} for one in content.get(_FURTHER, ()))]


def _other_settings(settings: RunSettings, differences: str) -> UserError:
    return UserError(
        f"{settings.output} holds a run with other settings: {differences}. "
        "Ask for the same, or choose another folder with --output"
    )


def _newer(what: str) -> UserError:
    return UserError(
        f"the run was begun by a newer version of the program, with {what}: continue it with that "
        "version"
    )


def _named(setting: str) -> str:
    """Return what a person calls a setting: its option, unless the table says otherwise."""
    return _NAMES.get(setting, f"--{setting.rpartition('.')[2].replace('_', '-')}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value) or "none"
