"""The check of model and devices before a run, in a short-lived process.

It needs torch and an initialised CUDA; the app process has neither, and stays small.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import connection
from pathlib import Path

from tui_balancer.devices.drivers import missing_cards
from tui_balancer.devices.processor import describe_processor
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.errors import UserError
from tui_balancer.workers.preflight.entry import preflight_main
from tui_balancer.workers.preflight.messages import (
    PreflightReport,
    PreflightRequest,
    Received,
    Refused,
)
from tui_balancer.workers.process.spawning import exit_words, spawn

OnDownload = Callable[[int, int], None]
"""Called with a download's progress: bytes received, and bytes expected or 0 if unknown."""

SILENCE_SECONDS = 300.0
"""Seconds without a message before giving up: a cold torch on a network disk, eight GPUs."""


def preflight(
    request: PreflightRequest,
    on_download: OnDownload | None = None,
    log: Path = Path(os.devnull),
) -> PreflightReport:
    """Check what a run needs; download the model if needed.

    Args:
        request: The checks; answered at once if they need no torch.
        on_download: Called in this thread while a model is downloaded.
        log: File for the process's output.

    Raises:
        UserError: The model is not available, or torch does not work here.
    """
    report = _looked(request, on_download, log) if request.needs_torch else _without_torch(request)
    found = sum(one.kind == "cuda" for one in report.devices)
    missing = missing_cards(os.environ, found)
    if not missing or request.devices.processor_only:
        return report
    return replace(report, warnings=(*report.warnings, missing))


def _looked(
    request: PreflightRequest, on_download: OnDownload | None, log: Path
) -> PreflightReport:
    """Run the checks in a process, and return its report.

    Raises:
        UserError: It refuses, or ends without a report.
    """
    receiver, sender = connection.Pipe(duplex=False)
    process = spawn(preflight_main, (request, log, sender), name="preflight")
    sender.close()
    try:
        while receiver.poll(SILENCE_SECONDS):
            match receiver.recv():
                case Received(received, expected):
                    if on_download is not None:
                        on_download(received, expected)
                case Refused(line):
                    raise UserError(line)
                case PreflightReport() as report:
                    return report
        raise UserError(
            f"the check of model and devices took more than {SILENCE_SECONDS:.0f} s: "
            "check the drivers and the disk with torch, or use --devices cpu"
        )
    except EOFError:
        process.join()
        ending = exit_words(process.exitcode)
        raise UserError(
            f"the check of model and devices ended early ({ending}): "
            'check that `python -c "import torch"` works here'
        ) from None
    finally:
        process.kill()
        process.join()
        receiver.close()


def _without_torch(request: PreflightRequest) -> PreflightReport:
    """Return the report if this process can make it."""
    model = None
    if isinstance(request.model, UntrainedModel):
        model = request.model.source()
        request.refuse_beyond_limits(model.shape)
    return PreflightReport(model, (describe_processor(),))
