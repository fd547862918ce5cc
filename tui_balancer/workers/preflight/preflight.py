"""The check of model and devices before a run, in another process.

It needs torch and an initialised CUDA; the app process has neither, and stays small.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from tui_balancer.devices.drivers import missing_cards
from tui_balancer.devices.processor import CPU, describe_processor
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.errors import UserError
from tui_balancer.workers.preflight.entry import preflight_main
from tui_balancer.workers.preflight.messages import (
    PreflightReport,
    PreflightRequest,
    Received,
    Refused,
)
from tui_balancer.workers.process.spawning import exit_words
from tui_balancer.workers.process.warm import WarmPool

OnDownload = Callable[[int, int], None]
"""Called with a download's progress: bytes received, and bytes expected or 0 if unknown."""

SILENCE_SECONDS = 300.0
"""Seconds without a message before giving up: a cold torch on a network disk, eight GPUs."""


def preflight(
    request: PreflightRequest,
    on_download: OnDownload | None = None,
    pool: WarmPool | None = None,
) -> PreflightReport:
    """Check what a run needs; download the model if needed.

    Args:
        request: The checks; answered at once if they need no torch.
        on_download: Called in this thread while a model is downloaded.
        pool: Has the process that checks, which can be a worker afterwards; None for a process
            that ends with the check.

    Raises:
        UserError: The model is not available, or torch does not work here.
    """
    if not request.needs_torch:
        report = _without_torch(request)
    elif pool is not None:
        report = _looked(request, on_download, pool)
    else:
        with WarmPool() as alone:
            report = _looked(request, on_download, alone)
    found = sum(one.kind == "cuda" for one in report.devices)
    missing = missing_cards(os.environ, found)
    if not missing or request.devices.processor_only:
        return report
    return replace(report, warnings=(*report.warnings, missing))


def _looked(
    request: PreflightRequest, on_download: OnDownload | None, pool: WarmPool
) -> PreflightReport:
    """Run the checks in a process, and return its report.

    Raises:
        UserError: It refuses, or ends without a report.
    """
    process, reusable = pool.take(), False
    process.call(preflight_main, request)
    try:
        while process.channel.poll(SILENCE_SECONDS):
            match process.channel.recv():
                case Received(received, expected):
                    if on_download is not None:
                        on_download(received, expected)
                case Refused(line):
                    raise UserError(line)
                case PreflightReport() as report:
                    # CUDA stays initialised, on cards that a worker leaves alone.
                    reusable = all(one.kind == CPU for one in report.devices)
                    return report
        raise UserError(
            f"the check of model and devices took more than {SILENCE_SECONDS:.0f} s: "
            "check the drivers and the disk with torch, or use --devices cpu"
        )
    except (EOFError, ConnectionResetError):
        process.process.join()
        ending = exit_words(process.process.exitcode)
        raise UserError(
            f"the check of model and devices ended early ({ending}): "
            'check that `python -c "import torch"` works here'
        ) from None
    finally:
        if reusable:
            pool.give_back(process)
        else:
            process.kill()


def _without_torch(request: PreflightRequest) -> PreflightReport:
    """Return the report if this process can make it."""
    model = None
    if isinstance(request.model, UntrainedModel):
        model = request.model.source()
        request.refuse_beyond_limits(model.shape)
    return PreflightReport(model, (describe_processor(),))
