"""The check of a run's models, and of the devices of this machine."""

from __future__ import annotations

from collections.abc import Callable

from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import parse_devices
from tui_balancer.embedding.families.limits import of_structures
from tui_balancer.embedding.families.requests import parse_model
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import Precision
from tui_balancer.ledger.records import RunRecord
from tui_balancer.run_folder.settings_json import unchanged_models
from tui_balancer.settings import RunSettings
from tui_balancer.view.handle import Step
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest
from tui_balancer.workers.preflight.preflight import OnDownload, preflight
from tui_balancer.workers.process.warm import WarmPool

OnStep = Callable[[Step], None]
"""Called with the progress of the preparation."""


def check_models(
    settings: RunSettings,
    measured: Precision | None,
    on_step: OnStep,
    *,
    first_byte_seconds: float | None = None,
    pool: WarmPool | None = None,
    run: RunRecord | None = None,
) -> tuple[list[ModelSource], PreflightReport]:
    """Check that the models of a run can be loaded and do what is asked, and find the devices.

    Args:
        settings: The requested run.
        measured: Number format to measure on the processor of this machine; None for none.
        on_step: Called with the progress.
        first_byte_seconds: Longest wait for a download to start; None for the default.
        pool: See `preflight`.
        run: A stored run, whose models need no check if they are unchanged; None checks all.

    Returns:
        The models, and the report of the first check, which has the devices.

    Raises:
        UserError: A model is not available, or does not do what is asked.
    """
    here = settings.cluster is None
    alone = settings.by_model
    known = [None] * len(alone) if run is None else unchanged_models(run, settings)
    sources: list[ModelSource] = []
    reports: list[PreflightReport] = []
    for one, unchanged in zip(alone, known, strict=True):
        devices = settings.devices.devices if here and not reports else CPU
        request = PreflightRequest(
            model=None if unchanged else parse_model(one.model, one.seed),
            devices=parse_devices(devices),
            repr_layers=one.embedding.repr_layers,
            include=one.embedding.include,
            max_length=one.reading.max_length,
            reference=one.embedding.reference,
            first_byte_seconds=first_byte_seconds,
            measured=measured if here and not reports else None,
        )
        if request.needs_torch:
            on_step(Step("checking the model and the devices"))
        report = preflight(request, downloading(on_step), pool)
        source = unchanged or report.model
        assert source is not None, "the report of a model has it"
        if settings.read_as == "3di" and not unchanged:
            source = of_structures(source)
        sources.append(source)
        reports.append(report)
    return sources, reports[0]


def downloading(on_step: OnStep) -> OnDownload:
    """Return a callback that reports a download as steps."""

    def received(done: int, total: int) -> None:
        on_step(Step("downloading the model", done // 1_000_000, total // 1_000_000, "MB"))

    return received
