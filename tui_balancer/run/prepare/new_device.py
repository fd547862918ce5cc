"""A device of this machine that a run did not ask for at its start."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from itertools import count
from typing import Final

from tui_balancer.device_names import device_name
from tui_balancer.devices.processor import (
    CPU,
    available_memory,
    describe_processor,
    usable_cores,
)
from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.embedding.models import ModelShape
from tui_balancer.errors import UserError
from tui_balancer.formatting import memory, plural
from tui_balancer.run.prepare.card_workers import require_room
from tui_balancer.run.prepare.devices import selected_devices
from tui_balancer.run.prepare.precision import choose_precision
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.workers.preflight.messages import PreflightRequest
from tui_balancer.workers.preflight.preflight import preflight
from tui_balancer.workers.process.memory import cpu_worker_bytes

_NUMBER: Final = r"(?:0|[1-9]\d*)"
_ONE: Final = re.compile(rf"mps|cuda:{_NUMBER}(?:/{_NUMBER})?|{CPU}:(?P<worker>{_NUMBER})")
_FORMS: Final = "cuda:N, cuda:N/M for one of several workers of a card, mps or cpu:N"


def new_device(
    prepared: PreparedRun, name: str, devices: Collection[SelectedDevice]
) -> SelectedDevice:
    """Return a device of this machine that can compute in a run.

    Looking for a GPU takes seconds: a process imports torch.

    Args:
        name: `cuda:N`, `cuda:N/M`, `mps` or `cpu:N`.
        devices: Those that the run has, of other names.

    Raises:
        UserError: The machine has no such device, or it cannot compute in this run.
    """
    kind = _ONE.fullmatch(name)
    if prepared.settings.cluster is not None:
        raise UserError(f"there is no device {name}: start a worker on the cluster, and it joins")
    if kind is None:
        raise UserError(f"there is no device {name}: write {_FORMS}")
    largest = max((one.source.shape for one in prepared.models), key=lambda shape: shape.weights)
    if kind["worker"] is not None:
        device = _cpu_worker(prepared, name, int(kind["worker"]), devices, largest)
    else:
        _refuse_same_worker(name, devices)
        wanted = replace(prepared.settings.devices, devices=name, cpu_workers=None)
        request = PreflightRequest(model=None, devices=parse_devices(name))
        settings = replace(prepared.settings, devices=wanted)
        (device,) = selected_devices(settings, preflight(request).devices, largest)
        require_room([*devices, device], [(one.source, one.embedding) for one in prepared.models])
    embedding = prepared.models[0].embedding
    choose_precision(embedding.precision, [device], reference=embedding.reference)
    return device


def _refuse_same_worker(name: str, devices: Collection[SelectedDevice]) -> None:
    """Refuse another name for a worker of the run: the first worker of a card has two.

    Raises:
        UserError: It is one.
    """
    wanted = device_name(name)
    there = [one.device for one in devices if device_name(one.device).card == wanted.card]
    slots = {device_name(one).slot or 0 for one in there}
    if (wanted.slot or 0) in slots:
        free = next(slot for slot in count() if slot not in slots)
        raise UserError(
            f"there is no device {name}: the workers of that card are {', '.join(there)} in this "
            f"run, and {wanted.place}/{free} is another one"
        )


def _cpu_worker(
    prepared: PreparedRun,
    name: str,
    number: int,
    devices: Collection[SelectedDevice],
    shape: ModelShape,
) -> SelectedDevice:
    """Return another CPU worker; it has as many threads as the others, as outputs depend on it."""
    cores = usable_cores()
    if number >= cores:
        raise UserError(
            f"there is no device {name}: this machine has {plural(cores, 'core')} for CPU workers"
        )
    needed = cpu_worker_bytes(shape, prepared.models[0].embedding)
    if (free := available_memory()) < needed:
        raise UserError(f"{name} needs {memory(needed)} of memory, and {memory(free)} are free")
    threads = next((one.threads for one in devices if one.kind == CPU), None)
    threads = threads or prepared.settings.devices.cpu_threads or max(1, cores - len(devices))
    return SelectedDevice.of(describe_processor(), name, threads)
