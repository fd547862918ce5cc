"""Checks before a run starts: inputs exist, the model loads, the devices exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.embedding.families.limits import default_max_length
from tui_balancer.embedding.families.requests import parse_model
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.engines.engine import DeviceSearch, EngineAccess
from tui_balancer.engines.local import LocalAccess
from tui_balancer.engines.table import find_devices
from tui_balancer.inputs.discovery import InputFile, find_inputs, require_inputs
from tui_balancer.ledger.reading import is_blank
from tui_balancer.ledger.records import RunRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.notices import Notice, Notices
from tui_balancer.outputs.formats import FORMATS, require_installed
from tui_balancer.representations import Representations
from tui_balancer.run.prepare.batch_size import suitable_batch_tokens
from tui_balancer.run.prepare.conflicts import refuse_run_conflicts
from tui_balancer.run.prepare.devices import device_specs, selected_devices
from tui_balancer.run.prepare.learned_rates import with_rates
from tui_balancer.run.prepare.limits import limit_warnings
from tui_balancer.run.prepare.precision import (
    choose_precision,
    measured_precision,
    slow_precision_warnings,
)
from tui_balancer.run.prepare.resume import (
    OnChecked,
    ResumePlan,
    Resuming,
    StoredRun,
    find_run,
    plan_resume,
)
from tui_balancer.run_folder.conflicts import output_conflicts, refuse_conflicts
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.run_folder.settings_json import (
    refuse_differences,
    resolved,
    run_record,
    with_stored_defaults,
)
from tui_balancer.scheduler.model import DeviceSpec
from tui_balancer.settings import RunSettings
from tui_balancer.view.handle import Step
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest
from tui_balancer.workers.preflight.preflight import OnDownload, preflight
from tui_balancer.workers.wire.socket_folder import temporary_folder

OnStep = Callable[[Step], None]
"""Called with the progress of the preparation."""


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that can start: all checks have passed.

    Attributes:
        inputs: The files found, not yet read; none if the ledger has them.
        model: The model, checked to load.
        devices: The devices, in order.
        specs: The coordinator's view of them.
        embedding: Settings that determine the bytes of outputs, the same for all devices.
        warnings: Warnings for the user.
        record: The first record of its ledger.
        sessions: Number of earlier sessions.
        resume_plan: Its remaining work; None before all inputs are scanned.
        access: Access to the devices.
    """

    settings: RunSettings
    inputs: tuple[InputFile, ...]
    model: ModelSource
    devices: tuple[SelectedDevice, ...]
    specs: tuple[DeviceSpec, ...]
    embedding: EmbeddingSettings
    warnings: tuple[Notice, ...]
    record: RunRecord
    sessions: int = 0
    resume_plan: ResumePlan | None = None
    access: EngineAccess = field(default_factory=LocalAccess)

    @property
    def kept(self) -> Representations:
        """The kinds of embedding to keep."""
        return self.embedding.representations(self.model.shape.layers, self.model.shape.width)

    @property
    def files_found(self) -> int:
        """Number of files to scan or check before work starts."""
        if self.resume_plan is None:
            return len(self.inputs)
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

    def found(files: int) -> None:
        on_step(Step("finding the inputs", files, unit="files"))

    def checked(done: int, total: int) -> None:
        on_step(Step("checking the inputs", done, total, "files"))

    known = stored is not None and stored.files
    left_out = Notices()
    inputs = () if known else find_inputs(settings.inputs, left_out.leave_out, on_found=found)
    if resuming is not None:
        refuse_run_conflicts(settings, inputs, stored, retry_failed=resuming.retry_failed)
    here = settings.cluster is None
    asked = parse_devices(settings.devices.devices)
    # A resumed run keeps its number format, even if slow.
    measured = measured_precision(settings.embedding.precision, asked) if stored is None else None
    request = PreflightRequest(
        model=parse_model(settings.model, settings.seed),
        devices=asked if here else parse_devices(CPU),
        repr_layers=settings.embedding.repr_layers,
        include=settings.embedding.include,
        max_length=settings.reading.max_length,
        reference=settings.embedding.reference,
        first_byte_seconds=first_byte_seconds,
        measured=measured if here else None,
    )
    if request.needs_torch:
        on_step(Step("checking the model and the devices"))
    report = preflight(request, downloading(on_step))
    assert report.model is not None, "a model was asked for"
    if settings.cluster is None:
        devices = selected_devices(settings, report.devices, report.model.shape)
        prepared = _settled(settings, inputs, report, devices, stored, resuming, checked)
        return replace(prepared, warnings=(*left_out.all(), *prepared.warnings))

    def on_workers(there: int, expected: int) -> None:
        on_step(Step("waiting for workers", there, expected, "workers"))

    sources = (Path(row.file.source) for row in stored.files) if stored is not None else ()
    search = DeviceSearch(
        folder=settings.output.absolute(),
        logs=settings.output.absolute() / LOGS_FOLDER,
        devices=settings.devices.devices,
        cpu_workers=settings.devices.cpu_workers,
        cpu_threads=settings.devices.cpu_threads,
        inputs=tuple(file.path for file in inputs) or tuple(sources),
        model=report.model,
        measured=measured,
        on_workers=on_workers,
    )
    far = find_devices(settings.cluster, search)
    report = replace(report, warnings=(*report.warnings, *far.warnings))
    try:
        prepared = _settled(settings, inputs, report, far.devices, stored, resuming, checked)
    except BaseException:
        far.access.close()
        raise
    warnings = (*left_out.all(), *prepared.warnings)
    return replace(prepared, access=far.access, warnings=warnings)


def _settled(
    settings: RunSettings,
    inputs: tuple[InputFile, ...],
    report: PreflightReport,
    devices: tuple[SelectedDevice, ...],
    stored: StoredRun | None,
    resuming: Resuming | None,
    on_checked: OnChecked,
) -> PreparedRun:
    """Determine the settings that depend on the devices, and compare them with a stored run.

    Raises:
        UserError: A device lacks a requested feature, or the stored run differs.
    """
    assert report.model is not None, "a model was asked for"
    shape = report.model.shape
    reading = replace(
        settings.reading,
        alphabet=shape.alphabet,
        max_length=settings.reading.max_length or default_max_length(shape),
    )
    settings = replace(settings, reading=reading)
    specs, warnings = device_specs(devices, settings.devices.weights)
    asked = settings.embedding_settings(
        settings.embedding.batch_tokens or suitable_batch_tokens(devices, shape),
        choose_precision(
            settings.embedding.precision, devices, reference=settings.embedding.reference
        ),
    )
    # Workers use it to check that kept batches belong to this run, also after a resume.
    embedding = resolved(asked, report.model)
    warnings += slow_precision_warnings(embedding.precision, devices)
    if settings.cluster is None:
        warnings += limit_warnings(devices, shape, embedding)
    resume_plan = None
    if stored is not None and resuming is not None:
        refuse_differences(stored.run, settings, report.model, embedding, devices)
        if stored.files:
            resume_plan = plan_resume(stored, settings.inputs, resuming, on_checked)
            added = [str(output) for _, output in resume_plan.added]
            conflicts = output_conflicts(
                settings.output.absolute(), added, settings.outputs.formats, new=True
            )
            refuse_conflicts(conflicts, overwrite=settings.overwrite)
            warnings += resume_plan.warnings
    return PreparedRun(
        settings=settings,
        inputs=inputs,
        model=report.model,
        devices=devices,
        specs=specs
        if settings.devices.weights
        else with_rates(specs, devices, report.model.name, embedding.precision),
        embedding=embedding,
        warnings=tuple(map(Notice, (*report.warnings, *warnings))),
        record=run_record(settings, report.model, embedding, devices),
        sessions=len(stored.sessions) if stored is not None else 0,
        resume_plan=resume_plan,
    )


def downloading(on_step: OnStep) -> OnDownload:
    """Return a callback that reports a download as steps."""

    def received(done: int, total: int) -> None:
        on_step(Step("downloading the model", done // 1_000_000, total // 1_000_000, "MB"))

    return received


def require_sense(settings: RunSettings) -> None:
    """Check quickly for what would make `prepare` fail later.

    Raises:
        UserError: A model, device or input does not exist.
    """
    parse_model(settings.model, settings.seed)
    parse_devices(settings.devices.devices)
    if is_blank(settings.output / LEDGER_NAME):
        require_inputs(settings.inputs)
