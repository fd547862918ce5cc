"""The check of model and devices, in its own process. Imports torch."""

from __future__ import annotations

from multiprocessing.connection import Connection

from tui_balancer.devices.discovery import discover, unusable_gpus
from tui_balancer.embedding.families.code import code_of, resolve
from tui_balancer.representations import kinds_named
from tui_balancer.workers.benchmark.measure import with_relative_speed
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest, Received


def probe(request: PreflightRequest, channel: Connection) -> PreflightReport:
    """Run the checks, and send a download's progress to `channel`.

    Raises:
        UserError: The model is not available, lacks a layer, or does not support a kind.
    """

    def told(received: int, expected: int) -> None:
        channel.send(Received(received, expected))

    devices = discover()
    if request.measured is not None:
        devices = with_relative_speed(devices, request.measured)
    warning = unusable_gpus()
    model = None
    if request.model is not None:
        model = resolve(request.model, told, request.first_byte_seconds)
        request.refuse_beyond_limits(model.shape)
        code, kinds = code_of(model.shape.family), kinds_named(request.include)
        code.require(model, request.model, kinds, told, request.first_byte_seconds)
    return PreflightReport(model, devices, (warning,) if warning else ())
