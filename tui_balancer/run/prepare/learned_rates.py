"""Speeds of devices in earlier runs, stored in the user's cache as the next run's first guess.

A rate belongs to a kind of device, a model and a number format. The file is only a cache: if
it is unreadable, the run starts with the table of weights instead.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tui_balancer.cache import cache_folder
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.formatting import NONE, quantity
from tui_balancer.scheduler.model import DeviceSpec

FILE_NAME = "rates.json"
KEPT = 200
"""Maximum number of stored rates; the oldest are dropped."""

_log = logging.getLogger(__name__)


class RateKey(Struct, frozen=True):
    """The key of a rate.

    Attributes:
        device: Name of the hardware; for a CPU worker with its number of threads.
        precision: Number format of the products.
    """

    device: str
    model: str
    precision: str


Rates = dict[RateKey, float]


class _Entry(RateKey, frozen=True):
    flops_per_second: Annotated[float, Meta(gt=0)]


def rates_file() -> Path:
    """Return the path of the file, which may not exist."""
    return cache_folder() / FILE_NAME


def load_rates() -> Rates:
    """Return FLOP/s of earlier runs, oldest first; none from an invalid file."""
    try:
        entries = msgspec.json.decode(rates_file().read_bytes(), type=list[_Entry])
    except (OSError, ValueError, RecursionError):
        return {}
    return {RateKey(one.device, one.model, one.precision): one.flops_per_second for one in entries}


def save_rates(measured: Mapping[RateKey, float]) -> None:
    """Add newly measured FLOP/s; write errors are only logged."""
    rates = {key: rate for key, rate in load_rates().items() if key not in measured}
    rates.update(measured)
    entries = [
        _Entry(key.device, key.model, key.precision, rate)
        for key, rate in list(rates.items())[-KEPT:]
    ]
    path = rates_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=FILE_NAME)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(entries), indent=1))
        Path(temporary).replace(path)
    except OSError as problem:
        _log.info("rates are not kept: %s", problem)


def rate_key(device: SelectedDevice, model: str, precision: str) -> RateKey:
    """Return the key of a device's rate."""
    name = device.name
    if device.kind == "cpu":
        name = f"{name} x{device.threads}"
    return RateKey(name, model, precision)


def learned_words(device: SelectedDevice, rates: Rates) -> str:
    """Return the newest rate of a kind of device as text for the `devices` table."""
    kind = rate_key(device, "", "").device
    newest = [(key, rate) for key, rate in rates.items() if key.device == kind][-1:]
    words = [f"{quantity(rate)}FLOP/s, {key.model}, {key.precision}" for key, rate in newest]
    return words[0] if words else NONE


def with_rates(
    specs: Sequence[DeviceSpec],
    devices: Sequence[SelectedDevice],
    models: Sequence[tuple[str, str]],
) -> tuple[DeviceSpec, ...]:
    """Return the devices with their rates from earlier runs.

    Args:
        specs: The devices.
        devices: What they are.
        models: Name and number format of each model of the run.
    """
    rates = load_rates()
    found = []
    for spec, device in zip(specs, devices, strict=True):
        known = [rates.get(rate_key(device, *model)) for model in models]
        others = {place: rate for place, rate in enumerate(known) if place and rate is not None}
        found.append(replace(spec, rate=known[0], other_rates=others))
    return tuple(found)


def remember(
    measured: Mapping[str, float], devices: Sequence[SelectedDevice], model: str, precision: str
) -> None:
    """Store the rates of a run; devices of one kind share the median.

    Args:
        measured: FLOP/s by device.
        precision: Number format of the products.
    """
    together: dict[RateKey, list[float]] = {}
    for device in devices:
        if device.device in measured:
            key = rate_key(device, model, precision)
            together.setdefault(key, []).append(measured[device.device])
    if together:
        save_rates({key: median(values) for key, values in together.items()})
