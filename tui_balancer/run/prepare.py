"""What must hold before a run begins: inputs exist, the model loads, the devices are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_balancer.balance.model import DeviceSpec
from tui_balancer.balance.weights import match_device_weight, parse_weights
from tui_balancer.config import RunSettings
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import available_memory, usable_cores
from tui_balancer.devices.selection import (
    ProcessorShares,
    SelectedDevice,
    parse_devices,
    select_devices,
)
from tui_balancer.embedding.registry import ModelShape, ModelSource, parse_model
from tui_balancer.inputs.discovery import InputFile, find_inputs
from tui_balancer.workers.preflight import OnDownload, PreflightRequest, preflight

WORKER_BASE_BYTES = 1 << 30
"""What a CPU worker takes besides its weights: the interpreter, torch, and a batch in flight."""


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that can start: nothing is left that a person would have to mend first.

    Attributes:
        settings: As asked for.
        inputs: The files found, unread as yet.
        model: Known to exist and to load.
        devices: What will compute, in order.
        specs: The same as the coordinator sees them.
        warnings: Lines a person should read.
    """

    settings: RunSettings
    inputs: tuple[InputFile, ...]
    model: ModelSource
    devices: tuple[SelectedDevice, ...]
    specs: tuple[DeviceSpec, ...]
    warnings: tuple[str, ...]


def prepare(
    settings: RunSettings,
    *,
    on_download: OnDownload | None = None,
    first_byte_seconds: float | None = None,
) -> PreparedRun:
    """Check everything that can be checked before work begins; downloads the model if needed.

    Args:
        settings: The run as asked for.
        on_download: Hears of a download's progress.
        first_byte_seconds: Longest wait for a download to begin; None for the usual one.

    Raises:
        UserError: Something is missing or wrong; nothing was started.
    """
    inputs = find_inputs(settings.inputs)
    request = PreflightRequest(
        model=parse_model(settings.model, settings.seed),
        devices=parse_devices(settings.devices),
        repr_layer=settings.embedding.repr_layer,
        first_byte_seconds=first_byte_seconds,
    )
    report = preflight(request, on_download)
    assert report.model is not None, "a model was asked for"
    devices = _selected(settings, report.devices, report.model.shape)
    specs, warnings = _specs(devices, settings.weights)
    return PreparedRun(
        settings, inputs, report.model, devices, specs, (*report.warnings, *warnings)
    )


def prepare_devices(
    settings: RunSettings,
) -> tuple[tuple[SelectedDevice, ...], tuple[DeviceSpec, ...], tuple[str, ...]]:
    """Return the devices that a run would use, their weights, and what to know about them.

    Raises:
        UserError: A device that is not there.
    """
    report = preflight(PreflightRequest(model=None, devices=parse_devices(settings.devices)))
    devices = _selected(settings, report.devices, shape=None)
    specs, warnings = _specs(devices, settings.weights)
    return devices, specs, (*report.warnings, *warnings)


def _selected(
    settings: RunSettings, found: Sequence[DeviceInfo], shape: ModelShape | None
) -> tuple[SelectedDevice, ...]:
    weights_bytes = 4 * 12 * shape.layers * shape.width**2 if shape else 0
    shares = ProcessorShares(
        workers=settings.cpu_workers,
        threads=settings.cpu_threads,
        cores=usable_cores(),
        memory=available_memory(),
        worker_bytes=WORKER_BASE_BYTES + weights_bytes,
    )
    return select_devices(parse_devices(settings.devices), found, shares)


def _specs(
    devices: Sequence[SelectedDevice], weights: str | None
) -> tuple[tuple[DeviceSpec, ...], tuple[str, ...]]:
    given = parse_weights(weights, [one.device for one in devices]) if weights else {}
    specs, warnings = [], []
    for one in devices:
        match = match_device_weight(one.device, one.name)
        if one.device not in given and not match.known:
            warnings.append(
                f"{one.device}: {one.name} is not in the table of weights: {match.weight:g} until "
                "its speed is measured; --weights sets another"
            )
        specs.append(DeviceSpec(one.device, one.name, given.get(one.device, match.weight)))
    return tuple(specs), tuple(warnings)
