"""The devices of a run: selection, CPU workers and weights."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tui_balancer.device_names import card_workers, device_name
from tui_balancer.devices.drivers import may_have_gpus
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import available_memory, describe_processor, usable_cores
from tui_balancer.devices.selection import (
    ProcessorShares,
    SelectedDevice,
    parse_devices,
    select_devices,
)
from tui_balancer.devices.sharing import with_workers
from tui_balancer.embedding.families.requests import likely_shape, parse_model
from tui_balancer.embedding.families.table import MODELS, SMALLEST_MODEL
from tui_balancer.embedding.models import ModelShape
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS
from tui_balancer.run.prepare.learned_rates import with_rates
from tui_balancer.scheduler.model import DeviceSpec
from tui_balancer.scheduler.policy.device_weights import match_device_weight, parse_weights
from tui_balancer.settings import RunSettings
from tui_balancer.workers.preflight.messages import PreflightRequest
from tui_balancer.workers.preflight.preflight import preflight
from tui_balancer.workers.process.memory import cpu_worker_bytes
from tui_balancer.workers.process.warm import WarmPool


def prepare_devices(
    settings: RunSettings,
) -> tuple[tuple[SelectedDevice, ...], tuple[DeviceSpec, ...], tuple[str, ...]]:
    """Return the devices that a run would use, their weights, and warnings.

    Where the workers of a card hang on the model, a card has one.

    Raises:
        UserError: A device does not exist.
    """
    report = preflight(
        PreflightRequest(model=None, devices=parse_devices(settings.devices.devices))
    )
    asked = settings.devices.workers_per_gpu
    number = asked if isinstance(asked, int) else 1
    devices = with_workers(selected_devices(settings, report.devices, shape=None), lambda _: number)
    specs, warnings = device_specs(devices, settings.devices.weights)
    if not isinstance(asked, int):
        warnings += ("--workers-per-gpu auto depends on the model: `tui-balancer plan` shows it",)
    return devices, specs, (*report.warnings, *warnings)


def selected_devices(
    settings: RunSettings, found: Sequence[DeviceInfo], shape: ModelShape | None
) -> tuple[SelectedDevice, ...]:
    """Return the devices of a run, a card once, with as many CPU workers as memory allows.

    Args:
        settings: The requested run.
        shape: Shape of the model; None for the smallest.

    Raises:
        UserError: A device does not exist.
    """
    on_cpu = settings.embedding_settings(
        settings.embedding.batch_tokens or CPU_BATCH_TOKENS,
        "fp32" if settings.embedding.precision == "auto" else settings.embedding.precision,
    )
    shares = ProcessorShares(
        workers=settings.devices.cpu_workers,
        threads=settings.devices.cpu_threads,
        cores=usable_cores(),
        memory=available_memory(),
        worker_bytes=cpu_worker_bytes(shape or MODELS[SMALLEST_MODEL], on_cpu),
    )
    return select_devices(parse_devices(settings.devices.devices), found, shares)


def warm_workers(pool: WarmPool, settings: RunSettings, *, work: bool) -> None:
    """Start the process that checks a run, and those of its workers that are known before that.

    Only the processor's workers are, where no GPU can be used, and if the model's name tells its
    size, which limits their number. One of them does the check.

    Args:
        pool: Starts the processes.
        settings: The requested run.
        work: Whether workers are known to be needed.

    Raises:
        UserError: A device or a model does not exist.
    """
    asked = parse_devices(settings.devices.devices)
    if settings.cluster is not None or (may_have_gpus() and not asked.processor_only):
        pool.warm(1, threads=1)
        return
    models = [parse_model(one.model, one.seed) for one in settings.by_model]
    shapes = [shape for shape in map(likely_shape, models) if shape is not None]
    largest = max(shapes, key=lambda shape: shape.weights, default=None)
    workers = selected_devices(settings, [describe_processor()], largest)
    certain = work and len(shapes) == len(models)
    pool.warm(len(workers) if certain else 1, workers[0].threads)


def device_specs(
    devices: Sequence[SelectedDevice],
    weights: str | None,
    among: Collection[SelectedDevice] = (),
) -> tuple[tuple[DeviceSpec, ...], tuple[str, ...]]:
    """Return the coordinator's view of devices, and a line for each card with a guessed speed.

    Args:
        devices: The devices in order.
        weights: The user's weights; None for those of the table.
        among: All devices of the run, if those are some of them.

    Raises:
        UserError: The weights are invalid.
    """
    given = parse_weights(weights, [one.device for one in devices]) if weights else {}
    workers = card_workers(one.device for one in among or devices)
    specs = []
    warnings: dict[str, str] = {}
    for one in devices:
        match = match_device_weight(one.device, one.name)
        if one.device not in given and not match.known:
            card = device_name(one.device).card
            warnings[card] = (
                f"{card}: {one.name} is not in the table of weights: {match.weight:g} until its "
                "speed is measured; --weights sets another"
            )
        weight = match.shared(workers[one.device]).weight
        specs.append(DeviceSpec(one.device, one.name, given.get(one.device, weight)))
    return tuple(specs), tuple(warnings.values())


def late_spec(
    device: SelectedDevice,
    models: Sequence[tuple[str, str]],
    among: Collection[SelectedDevice],
) -> DeviceSpec:
    """Return the coordinator's view of a device that joins a running run.

    Args:
        models: See `with_rates`.
        among: All devices of the run, with that one.
    """
    specs, _ = device_specs([device], None, among)
    return with_rates(specs, [device], models, among)[0]
