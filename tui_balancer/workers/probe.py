"""The look at model and devices, from inside the process made for it. Imports torch."""

from __future__ import annotations

from multiprocessing.connection import Connection

from tui_balancer.devices.discovery import discover, unusable_gpus
from tui_balancer.embedding.checkpoints import resolve
from tui_balancer.embedding.settings import resolve_layer
from tui_balancer.workers.preflight import PreflightReport, PreflightRequest, Received


def probe(request: PreflightRequest, channel: Connection) -> PreflightReport:
    """Find out what was asked, telling `channel` of a download's progress.

    Raises:
        UserError: The model cannot be had, or has no such layer.
    """
    devices = discover()
    warning = unusable_gpus()
    model = None
    if request.model is not None:
        model = resolve(
            request.model,
            lambda received, expected: channel.send(Received(received, expected)),
            request.first_byte_seconds,
        )
        resolve_layer(request.repr_layer, model.shape.layers)
    return PreflightReport(model, devices, (warning,) if warning else ())
