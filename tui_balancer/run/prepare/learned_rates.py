"""How fast devices were in earlier runs, kept in the user's cache: the next run's first guess.

A rate belongs to a kind of device, a model and a number format. The file is only a cache:
whatever is wrong with it, the run begins with the table of weights instead.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from tui_balancer.cache import cache_folder
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.formatting import NONE, quantity
from tui_balancer.scheduler.model import DeviceSpec

FILE_NAME = "rates.json"
KEPT = 200
"""Rates that are kept, the newest ones."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RateKey:
    """What a rate belongs to.

    Attributes:
        device: Name of the hardware; of a CPU worker with its number of threads.
        model: The architecture's name.
        precision: Number format of the products.
    """

    device: str
    model: str
    precision: str


Rates = dict[RateKey, float]


def rates_file() -> Path:
    """Return where the rates are kept, be it there or not."""
    return cache_folder() / FILE_NAME


def load_rates() -> Rates:
    """Return FLOP/s of earlier runs, oldest first; what cannot be understood is left out."""
    try:
        entries = json.loads(rates_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    rates: Rates = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        words = [entry.get(field) for field in RateKey.__dataclass_fields__]
        rate = entry.get("flops_per_second")
        if not (isinstance(rate, float) and math.isfinite(rate) and rate > 0):
            continue
        if all(isinstance(word, str) for word in words):
            rates[RateKey(*map(str, words))] = rate
    return rates


def save_rates(measured: Mapping[RateKey, float]) -> None:
    """Keep newly measured FLOP/s beside the older ones; a cache that cannot be written is left."""
    rates = {key: rate for key, rate in load_rates().items() if key not in measured}
    rates.update(measured)
    entries = [
        {
            "device": key.device,
            "model": key.model,
            "precision": key.precision,
            "flops_per_second": rate,
        }
        for key, rate in list(rates.items())[-KEPT:]
    ]
    path = rates_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=FILE_NAME)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(entries, file, indent=1)
        Path(temporary).replace(path)
    except OSError as problem:
        _log.info("rates are not kept: %s", problem)


def rate_key(device: SelectedDevice, model: str, precision: str) -> RateKey:
    """Return what a device's rate is kept under."""
    name = device.name
    if device.kind == "cpu":
        name = f"{name} x{device.threads}"
    return RateKey(name, model, precision)


def learned_words(device: SelectedDevice, rates: Rates) -> str:
    """Return the newest rate of a kind of device in words for the `devices` table."""
    kind = rate_key(device, "", "").device
    newest = [(key, rate) for key, rate in rates.items() if key.device == kind][-1:]
    words = [f"{quantity(rate)}FLOP/s, {key.model}, {key.precision}" for key, rate in newest]
    return words[0] if words else NONE


def with_rates(
    specs: Sequence[DeviceSpec], devices: Sequence[SelectedDevice], model: str, precision: str
) -> tuple[DeviceSpec, ...]:
    """Return the devices with the rates they had in earlier runs of this model and format."""
    rates = load_rates()
    return tuple(
        replace(spec, rate=rates.get(rate_key(device, model, precision)))
        for spec, device in zip(specs, devices, strict=True)
    )


def remember(
    measured: Mapping[str, float], devices: Sequence[SelectedDevice], model: str, precision: str
) -> None:
    """Keep what a run measured; devices of one kind share the median.

    Args:
        measured: FLOP/s by device.
        devices: The run's.
        model: The architecture's name.
        precision: Number format of the products.
    """
    together: dict[RateKey, list[float]] = {}
    for device in devices:
        if device.device in measured:
            key = rate_key(device, model, precision)
            together.setdefault(key, []).append(measured[device.device])
    if together:
        save_rates({key: median(values) for key, values in together.items()})
