"""Speeds of devices in earlier runs, stored in the user's cache as the next run's first guess.

A rate belongs to a kind of device, a model and a number format. The file is only a cache: if
it is unreadable, the run starts with the table of weights instead.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tui_balancer.cache import read_cached, write_cached
from tui_balancer.device_names import card_workers
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
        device: Name of the hardware; for a CPU worker with its number of threads, for one of
            several workers of a card with their number.
        precision: Number format of the products.
    """

    device: str
    model: str
    precision: str


Rates = dict[RateKey, float]


class _Entry(RateKey, frozen=True):
    flops_per_second: Annotated[float, Meta(gt=0)]


def load_rates() -> Rates:
    """Return FLOP/s of earlier runs, oldest first; none from an invalid file."""
    entries = read_cached(FILE_NAME, list[_Entry]) or []
    return {RateKey(one.device, one.model, one.precision): one.flops_per_second for one in entries}


def save_rates(measured: Mapping[RateKey, float]) -> None:
    """Add newly measured FLOP/s; write errors are only logged."""
    rates = {key: rate for key, rate in load_rates().items() if key not in measured}
    rates.update(measured)
    entries = [
        _Entry(key.device, key.model, key.precision, rate)
        for key, rate in list(rates.items())[-KEPT:]
    ]
    try:
        write_cached(FILE_NAME, msgspec.json.format(msgspec.json.encode(entries), indent=1))
    except OSError as problem:
        _log.info("rates are not kept: %s", problem)


def rate_key(device: SelectedDevice, model: str, precision: str, *, workers: int = 1) -> RateKey:
    """Return the key of a device's rate.

    Args:
        model: Name of the model.
        precision: Number format of the products.
        workers: Number of workers that its card has.
    """
    name = device.name
    if device.kind == "cpu":
        name = f"{name} x{device.threads}"
    elif workers > 1:
        name = f"{name}, one of {workers} workers"
    return RateKey(name, model, precision)


def learned_words(device: SelectedDevice, rates: Rates, *, workers: int = 1) -> str:
    """Return the newest rate of a kind of device as text for the `devices` table."""
    kind = rate_key(device, "", "", workers=workers).device
    newest = [(key, rate) for key, rate in rates.items() if key.device == kind][-1:]
    words = [f"{quantity(rate)}FLOP/s, {key.model}, {key.precision}" for key, rate in newest]
    return words[0] if words else NONE


def with_rates(
    specs: Sequence[DeviceSpec],
    devices: Sequence[SelectedDevice],
    models: Sequence[tuple[str, str]],
    among: Collection[SelectedDevice] = (),
) -> tuple[DeviceSpec, ...]:
    """Return the devices with their rates from earlier runs.

    Args:
        specs: The devices.
        devices: What they are.
        models: Name and number format of each model of the run.
        among: All devices of the run, if those are some of them.
    """
    rates, workers = load_rates(), card_workers(one.device for one in among or devices)
    found = []
    for spec, device in zip(specs, devices, strict=True):
        known = [
            rates.get(rate_key(device, *model, workers=workers[device.device])) for model in models
        ]
        others = {place: rate for place, rate in enumerate(known) if place and rate is not None}
        found.append(replace(spec, rate=known[0], other_rates=others))
    return tuple(found)


def remember(
    measured: Mapping[str, float], devices: Sequence[SelectedDevice], model: str, precision: str
) -> None:
    """Store the rates of a run; devices of one kind share the median.

    Args:
        measured: FLOP/s by device.
        devices: All devices of the run.
        model: Name of the model.
        precision: Number format of the products.
    """
    workers = card_workers(one.device for one in devices)
    together: dict[RateKey, list[float]] = {}
    for device in devices:
        if device.device in measured:
            key = rate_key(device, model, precision, workers=workers[device.device])
            together.setdefault(key, []).append(measured[device.device])
    if together:
        save_rates({key: median(values) for key, values in together.items()})
