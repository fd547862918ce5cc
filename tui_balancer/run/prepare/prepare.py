"""Checks before a run starts: inputs exist, the model loads, the devices exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.embedding.families.requests import parse_model
from tui_balancer.embedding.models import ModelSource
from tui_balancer.engines.engine import DeviceSearch, DevicesFound, EngineAccess
from tui_balancer.engines.local import LocalAccess
from tui_balancer.engines.table import find_devices
from tui_balancer.inputs.finding.arrivals import is_complete, watched_folders
from tui_balancer.inputs.finding.discovery import InputFile, find_inputs, require_inputs
from tui_balancer.inputs.finding.searching import NoInputs
from tui_balancer.ledger.mounts import on_network
from tui_balancer.ledger.reading import is_blank
from tui_balancer.ledger.records import FileState, RunRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.notices import Notice, Notices
from tui_balancer.outputs.formats import FORMATS, require_installed
from tui_balancer.outputs.layout import marked_output
from tui_balancer.run.prepare.card_workers import share_cards
from tui_balancer.run.prepare.checking import OnStep, check_models
from tui_balancer.run.prepare.conflicts import refuse_run_conflicts
from tui_balancer.run.prepare.devices import device_specs, selected_devices, warm_workers
from tui_balancer.run.prepare.learned_rates import with_rates
from tui_balancer.run.prepare.limits import limit_warnings
from tui_balancer.run.prepare.models import (
    PreparedModel,
    first_models,
    inputs_of_models,
    refuse_wrong_alphabets,
    settled,
    settled_marks,
)
from tui_balancer.run.prepare.precision import measured_precision, slow_precision_warnings
from tui_balancer.run.prepare.resume import (
    OnChecked,
    ResumePlan,
    Resuming,
    StoredRun,
    find_run,
    plan_resume,
)
from tui_balancer.run.prepare.stored import with_newest
from tui_balancer.run_folder.conflicts import output_conflicts, refuse_conflicts
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.run_folder.settings_json import (
    refuse_differences,
    run_record,
    with_stored_defaults,
)
from tui_balancer.scheduler.model import DeviceSpec
from tui_balancer.settings import MODELS_JOINED, RunSettings
from tui_balancer.view.handle import Step
from tui_balancer.workers.process.warm import WarmPool
from tui_balancer.workers.wire.socket_folder import temporary_folder


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that can start: all checks have passed.

    Attributes:
        models: The models, at least one.
        devices: The devices, in order, one for each worker.
        specs: The coordinator's view of them.
        warnings: Warnings for the user.
        record: The first record of its ledger.
        sessions: Number of earlier sessions.
        resume_plan: Its remaining work; None before all inputs are scanned.
        access: Access to the devices.
        decided: What was decided for a setting of `auto`, as lines.
    """

    settings: RunSettings
    models: tuple[PreparedModel, ...]
    devices: tuple[SelectedDevice, ...]
    specs: tuple[DeviceSpec, ...]
    warnings: tuple[Notice, ...]
    record: RunRecord
    sessions: int = 0
    resume_plan: ResumePlan | None = None
    access: EngineAccess = field(default_factory=LocalAccess)
    decided: tuple[str, ...] = ()

    @property
    def model_label(self) -> str:
        """The models as people see them."""
        return MODELS_JOINED.join(one.source.label for one in self.models)

    @property
    def files_found(self) -> int:
        """Number of files to scan or check before work starts."""
        if self.resume_plan is None:
            return sum(len(one.inputs) for one in self.models)
        return self.resume_plan.files + len(self.resume_plan.added)

    @property
    def folder(self) -> Path:
        """The run folder, absolute."""
        return self.settings.output.absolute()


def prepare(
    settings: RunSettings,
    *,
    resuming: Resuming | None = Resuming(),  # noqa: B008 - frozen
    on_step: OnStep = lambda _: None,
    first_byte_seconds: float | None = None,
    pool: WarmPool | None = None,
) -> PreparedRun:
    """Check everything possible before work starts; download the model if needed.

    A run in the output folder is continued: the settings that affect results and the inputs must
    be the same.

    Args:
        settings: The requested run.
        resuming: Options for a stored run; None ignores the run folder.
        on_step: Called with the progress: files found, a download, the check of a stored run's
            inputs.
        first_byte_seconds: Longest wait for a download to start; None for the default.
        pool: Starts the processes that check, and then those of the run.

    Raises:
        UserError: Something is missing or wrong; nothing was started.
    """
    require_installed(*(FORMATS[name] for name in settings.outputs.formats))
    if resuming is not None:
        # It has the socket that processes connect to.
        temporary_folder()
    stored = find_run(settings.output) if resuming is not None else None
    if stored is not None:
        settings = with_stored_defaults(settings, stored.run)
    settings = with_newest(settings, create=resuming is not None)

    def found(files: int) -> None:
        on_step(Step("finding the inputs", files, unit="files"))

    def checked(done: int, total: int) -> None:
        on_step(Step("checking the inputs", done, total, "files"))

    if settings.watching.watch:
        watched_folders(settings.all_inputs)
    known = stored is not None and stored.files
    left_out = Notices()
    inputs = () if known else _find(settings, left_out, found)
    if settings.watching.watch and stored is not None:
        # What earlier sessions have not reported, the watcher does.
        left_out = Notices()
    if resuming is not None and not settings.further:
        # Before a download, which may be in vain.
        refuse_run_conflicts(settings, [inputs], stored, retry_failed=resuming.retry_failed)
    if pool is not None and (stored is None or not stored.finished):
        warm_workers(pool, settings, work=True)
    # A resumed run keeps its number format, even if slow.
    measured = None
    if stored is None:
        asked = parse_devices(settings.devices.devices)
        measured = measured_precision(settings.embedding.precision, asked)
    trusted = stored is not None and resuming is not None and not resuming.full_check
    sources, report = check_models(
        settings,
        measured,
        on_step,
        first_byte_seconds=first_byte_seconds,
        pool=pool,
        run=stored.run if stored is not None and trusted else None,
    )
    settings = replace(settings, marks=settled_marks(sources))
    found_by_model = inputs_of_models(settings, inputs) if inputs else [()] * len(sources)
    if resuming is not None and settings.marks:
        refuse_run_conflicts(settings, found_by_model, stored, retry_failed=resuming.retry_failed)
    if settings.cluster is None:
        largest = max((source.shape for source in sources), key=lambda shape: shape.weights)
        devices = selected_devices(settings, report.devices, largest)
        access = LocalAccess() if pool is None else LocalAccess(pool)
        there = DevicesFound(access, devices, ())
    else:
        known_paths = [Path(row.file.source) for row in stored.files] if stored is not None else []
        search = DeviceSearch(
            folder=settings.output.absolute(),
            logs=settings.output.absolute() / LOGS_FOLDER,
            devices=settings.devices.devices,
            workers_per_gpu=settings.devices.workers_per_gpu,
            cpu_workers=settings.devices.cpu_workers,
            cpu_threads=settings.devices.cpu_threads,
            inputs=tuple(file.path for file in inputs) or tuple(known_paths),
            models=tuple(sources),
            measured=measured,
            on_workers=lambda joined, expected: on_step(
                Step("waiting for workers", joined, expected, "workers")
            ),
        )
        there = find_devices(settings.cluster, search)
    said = (*report.warnings, *there.warnings)
    try:
        prepared = _settled(
            settings, found_by_model, sources, said, there.devices, stored, resuming, checked
        )
    except BaseException:
        there.access.close()
        raise
    warnings = (*left_out.all(), *prepared.warnings)
    return replace(prepared, access=there.access, warnings=warnings)


def _find(
    settings: RunSettings, left_out: Notices, on_found: Callable[[int], None]
) -> tuple[InputFile, ...]:
    """Return the inputs; of watched folders the complete ones, and there may be none.

    Raises:
        UserError: A pattern matches nothing or cannot be searched.
    """
    patterns, watching = settings.all_inputs, settings.watching
    if not watching.watch:
        return find_inputs(patterns, left_out.leave_out, on_found=on_found)
    try:
        found = find_inputs(patterns, left_out.leave_out, on_found=on_found)
    except NoInputs:
        return ()
    far = any(on_network(Path(folder)) for folder in patterns)
    return tuple(
        file for file in found if is_complete(file.source, watching.settle, on_network=far)
    )


def _settled(
    settings: RunSettings,
    inputs: Sequence[tuple[InputFile, ...]],
    sources: Sequence[ModelSource],
    said: tuple[str, ...],
    devices: tuple[SelectedDevice, ...],
    stored: StoredRun | None,
    resuming: Resuming | None,
    on_checked: OnChecked,
) -> PreparedRun:
    """Determine the settings that depend on the devices, and compare them with a stored run.

    Args:
        settings: The requested run.
        inputs: Of each model.
        said: Warnings so far.
        devices: As selected, a card once.
        stored: The stored run; None if it is new.
        resuming: Options for a stored run.
        on_checked: See `OnChecked`.

    Raises:
        UserError: A device lacks a requested feature, or the stored run differs.
    """
    alone, embeddings = zip(
        *(
            settled(one, source, devices)
            for one, source in zip(settings.by_model, sources, strict=True)
        ),
        strict=True,
    )
    settings = RunSettings.of_models(alone, settings.marks)
    # Only now: no output may depend on the number of workers.
    models = tuple(zip(sources, embeddings, strict=True))
    devices, decided = share_cards(devices, settings.devices.workers_per_gpu, models)
    specs, warnings = device_specs(devices, settings.devices.weights)
    embedding = embeddings[0]
    warnings += slow_precision_warnings(embedding.precision, devices)
    if settings.cluster is None:
        largest = max((source.shape for source in sources), key=lambda shape: shape.weights)
        warnings += limit_warnings(devices, largest, embedding)
    several = len(models) > 1
    resume_plan = None
    if stored is not None and resuming is not None:
        refuse_differences(stored.run, settings, models, devices)
        if stored.files:
            resume_plan = plan_resume(
                stored,
                [one.inputs for one in settings.by_model],
                resuming,
                on_checked,
                settings.output_marks,
                watched=settings.watching.watch,
            )
            added = [str(output) for _, output in resume_plan.added]
            conflicts = output_conflicts(
                settings.output.absolute(), added, settings.outputs.formats, new=True
            )
            refuse_conflicts(conflicts, overwrite=settings.overwrite)
            warnings += resume_plan.warnings
    run = PreparedRun(
        settings=settings,
        models=tuple(
            PreparedModel(
                *one, of_it.reading, found, mark, label=mark.strip("_") if several else ""
            )
            for one, of_it, found, mark in zip(
                models, alone, inputs, settings.output_marks, strict=True
            )
        ),
        devices=devices,
        specs=specs,
        warnings=tuple(map(Notice, (*said, *warnings))),
        record=run_record(settings, models, devices),
        sessions=len(stored.sessions) if stored is not None else 0,
        resume_plan=resume_plan,
        decided=decided,
    )
    refuse_wrong_alphabets(run.models)
    if not settings.devices.weights:
        specs = with_rates(specs, devices, [one.rate_name for one in run.models])
    if several:
        left = None if resume_plan is None or stored is None else _left(stored, settings)
        specs = first_models(specs, run.models, left)
    return replace(run, specs=specs)


def _left(stored: StoredRun, settings: RunSettings) -> list[float]:
    """Return the FLOPs that a stored run has left of each model."""
    marks = settings.output_marks
    left = [0.0] * len(marks)
    for row in stored.files:
        if row.state not in (FileState.DONE, FileState.FAILED):
            left[marked_output(row.file.output, marks)] += row.file.cost
    return left


def require_sense(settings: RunSettings) -> None:
    """Check quickly for what would make `prepare` fail later.

    Raises:
        UserError: A model, device or input does not exist.
    """
    for one in settings.by_model:
        parse_model(one.model, one.seed)
    parse_devices(settings.devices.devices)
    if is_blank(settings.output / LEDGER_NAME):
        require_inputs(settings.all_inputs)
