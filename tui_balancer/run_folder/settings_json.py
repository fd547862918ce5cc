"""A run's settings as the ledger keeps them: into JSON, out of it, and held against others."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from msgspec import ValidationError, convert, to_builtins

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.checkpoints.registry import CheckpointModel, ModelSource, parse_model
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import RunRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.scheduler.model import PolicySettings
from tui_balancer.settings import RunSettings, Shards

_OPTIONS = {
    "label": "--model",
    "sha256": "the model's sha256",
    "repr_layers": "--repr-layers",
    "include": "--include",
    "long": "--long",
    "dereplicate": "computing copies once (--no-dereplication)",
    "max_length": "--max-length",
    "batch_tokens": "--batch-tokens",
    "precision": "--precision",
    "reference": "--reference",
    "allow_nucleotide": "--allow-nucleotide",
    "strict": "--strict",
    "segment_bytes": "the size of a file's segments",
    "cpu_threads": "--cpu-threads",
    "formats": "--format",
}
"""What a person calls the settings that decide a result; the others go by their own names."""

_Settings = TypeVar("_Settings")


def run_record(
    settings: RunSettings,
    model: ModelSource,
    embedding: EmbeddingSettings,
    devices: Sequence[SelectedDevice],
) -> RunRecord:
    """Return what the ledger of a new run begins with."""
    stored: dict[str, Any] = {
        "inputs": [absolute_pattern(pattern) for pattern in settings.inputs],
        "model": {
            "request": _lasting_request(settings),
            "seed": settings.seed,
            "label": model.label,
            "sha256": model.sha256,
        },
        "embedding": _as_stored(resolved(embedding, model)),
        "reading": asdict(settings.reading),
        "formats": list(settings.formats),
        "merge": settings.merge,
        "cpu_threads": cpu_threads(devices),
        "devices": settings.devices,
        "cpu_workers": settings.cpu_workers,
        "weights": settings.weights,
        "hang_floor": settings.hang_floor,
        "policy": to_builtins(settings.policy),
        "stealing": settings.stealing,
        "splitting": settings.splitting,
        "shards": asdict(settings.shards),
    }
    return RunRecord(time.time(), model.label, stored)


def stored_settings(run: RunRecord, output: Path) -> RunSettings:
    """Return the settings that a run was begun with, so that `resume` needs nothing else.

    Raises:
        UserError: A newer version of the program wrote them.
    """
    stored = run.settings
    embedding = _embedding(stored)
    return RunSettings(
        inputs=tuple(stored["inputs"]),
        output=output,
        model=stored["model"]["request"],
        devices=stored["devices"],
        cpu_workers=stored["cpu_workers"],
        cpu_threads=stored["cpu_threads"],
        weights=stored["weights"],
        hang_floor=stored["hang_floor"],
        policy=_policy(stored["policy"]),
        stealing=stored["stealing"],
        splitting=stored["splitting"],
        repr_layers=embedding.repr_layers,
        include=embedding.include,
        dereplicate=embedding.dereplicate,
        batch_tokens=embedding.batch_tokens,
        precision=embedding.precision,
        reference=embedding.reference,
        reading=_restored(ReadingRules, stored["reading"]),
        seed=stored["model"]["seed"],
        formats=tuple(stored["formats"]),
        merge=stored.get("merge", False),
        shards=_restored(Shards, stored.get("shards", {})),
    )


def settings_of(folder: Path) -> RunSettings:
    """Return the settings of the run that a folder holds, without a look at its files.

    Raises:
        UserError: It holds none.
    """
    path = folder / LEDGER_NAME
    if is_blank(path):
        raise UserError(f"{folder} holds no run: name the folder given to run as --output")
    try:
        with closing(read_ledger(path)) as ledger:
            return stored_settings(ledger.run(), folder)
    except LedgerError as problem:
        raise UserError(str(problem)) from problem


def with_stored_defaults(settings: RunSettings, run: RunRecord) -> RunSettings:
    """Return settings whose machine-dependent defaults are those of the run, not derived anew."""
    embedding = _embedding(run.settings)
    precision = settings.precision
    if precision == "auto" and settings.reference == embedding.reference:
        precision = embedding.precision
    return replace(
        settings,
        batch_tokens=settings.batch_tokens or embedding.batch_tokens,
        precision=precision,
        cpu_threads=settings.cpu_threads or run.settings["cpu_threads"],
    )


def refuse_differences(
    run: RunRecord,
    settings: RunSettings,
    model: ModelSource,
    embedding: EmbeddingSettings,
    devices: Sequence[SelectedDevice],
) -> None:
    """See that what decides a result is what the run was begun with.

    Raises:
        UserError: Something differs; the line says what, how it is there, and what was asked.
    """
    stored, asked = run.settings, run_record(settings, model, embedding, devices).settings
    same_name = stored["model"]["label"] == asked["model"]["label"]
    identity = ("sha256",) if same_name else ("label",)
    threads = (stored["cpu_threads"], asked["cpu_threads"])
    pairs: list[tuple[str, object, object]] = [
        *_pairs(stored["model"], asked["model"], identity),
        *_pairs(
            _as_stored(_embedding(stored)),
            asked["embedding"],
            asked["embedding"],
        ),
        *_pairs(
            asdict(_restored(ReadingRules, stored["reading"])),
            asked["reading"],
            asked["reading"],
        ),
        ("formats", ",".join(stored["formats"]), ",".join(asked["formats"])),
        # A run that had no processor among its devices so far has no threads to keep to.
        *([("cpu_threads", *threads)] if None not in threads else []),
    ]
    differences = {
        _OPTIONS.get(name, name): f"is {_shown(there)} there, {_shown(here)} was asked"
        for name, there, here in pairs
        if there != here
    }
    if differences:
        told = "; ".join(f"{name} {difference}" for name, difference in differences.items())
        raise UserError(
            f"{settings.output} holds a run with other settings: {told}. Ask for the same, or "
            "choose another folder with --output"
        )


def absolute_pattern(pattern: str) -> str:
    """Return an input as it is meant from any folder."""
    return os.path.abspath(Path(pattern).expanduser())  # noqa: PTH100


def cpu_threads(devices: Sequence[SelectedDevice]) -> int | None:
    """Return the threads of a run's CPU workers; None where there are none."""
    return next((one.threads for one in devices if one.kind == "cpu"), None)


def resolved(embedding: EmbeddingSettings, model: ModelSource) -> EmbeddingSettings:
    """Return settings whose layers are counted from the first: two ways to name them are one."""
    kept = embedding.representations(model.shape.layers, model.shape.width)
    return replace(embedding, repr_layers=kept.layers, include=kept.kinds)


def _as_stored(embedding: EmbeddingSettings) -> dict[str, Any]:
    """Return settings as JSON gives them back."""
    named = asdict(embedding)
    return {name: list(one) if isinstance(one, tuple) else one for name, one in named.items()}


def _embedding(stored: Mapping[str, Any]) -> EmbeddingSettings:
    """Return a run's settings from their stored form."""
    named = dict(stored["embedding"])
    for name in ("repr_layers", "include"):
        if name in named:
            named[name] = tuple(named[name])
    return _restored(EmbeddingSettings, named)


def _lasting_request(settings: RunSettings) -> str:
    """Return what was asked for as the model, a path as it is meant from any folder."""
    request = parse_model(settings.model, settings.seed)
    if isinstance(request, CheckpointModel):
        return str(request.path.absolute())
    return settings.model


def _policy(stored: Mapping[str, Any]) -> PolicySettings:
    try:
        return convert(stored, PolicySettings)  # type: ignore[no-any-return]
    except ValidationError as problem:
        raise UserError(
            f"the run was begun by a newer version of the program, with another policy: {problem}. "
            "Continue it with that version"
        ) from problem


def _restored(kind: type[_Settings], stored: Mapping[str, Any]) -> _Settings:
    """Return settings from their stored form; what an older version did not know is as ever."""
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(stored.keys() - known.keys())
    if unknown:
        raise UserError(
            f"the run was begun by a newer version of the program, with {', '.join(unknown)}: "
            "continue it with that version"
        )
    assert all(
        field.default is not MISSING for name, field in known.items() if name not in stored
    ), "settings added later need a default"
    return kind(**stored)


def _pairs(
    stored: Mapping[str, Any], asked: Mapping[str, Any], names: Sequence[str] | Mapping[str, Any]
) -> list[tuple[str, object, object]]:
    return [(name, stored[name], asked[name]) for name in names]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value) or "none"
