"""The models that have a name, and what each takes on this machine. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.embedding.checkpoints.caches import cached_model
from tui_balancer.embedding.families.family import Family
from tui_balancer.embedding.families.table import FAMILIES, MODELS
from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.errors import UserError
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS, gpu_worker_bytes
from tui_balancer.run.prepare.devices import device_specs, selected_devices
from tui_balancer.run.prepare.learned_rates import Rates, load_rates, rate_key
from tui_balancer.run.prepare.precision import choose_precision
from tui_balancer.run.prepare.speeds import COMMON_LENGTH, assumed_flops
from tui_balancer.settings import RunSettings
from tui_balancer.workers.preflight.messages import PreflightRequest
from tui_balancer.workers.preflight.preflight import preflight
from tui_balancer.workers.process.memory import cpu_worker_bytes

LETTERS = 1_000_000
"""Residues, or bases, whose time is estimated."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """What a worker needs in a number format.

    Attributes:
        precision: The number format.
        bytes: Estimated memory of a worker: the GPU's, or without a GPU the machine's.
    """

    precision: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that has a name.

    Attributes:
        name: As `--model` accepts it.
        family: Its family.
        reads: `protein` or `nucleotide`.
        parameters: Numbers in the weights of its layers.
        layers: Number of layers.
        width: Numbers in an embedding.
        longest: The most residues that a sequence may have; null without a limit.
        max_length: Default of `--max-length`.
        licence: Licence of the weights.
        memory: What a worker needs, in each number format that the model supports.
        cached: Whether the weights are on this machine.
        precision: Number format that a run on these devices uses by default.
        seconds: Time of all devices together for a million residues, or bases.
        measured: Whether earlier runs on these devices measured that; otherwise it is estimated.
    """

    name: str
    family: str
    reads: str
    parameters: int
    layers: int
    width: int
    longest: int | None
    max_length: int
    licence: str
    memory: tuple[WorkerMemory, ...]
    cached: bool
    precision: str
    seconds: float
    measured: bool


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models that have a name.

    Attributes:
        format: Version of this output; increases when a field changes its meaning.
        models: The models, by families.
    """

    format: int
    models: tuple[ListedModel, ...]


def list_models(settings: RunSettings, words: Sequence[str] = ()) -> ModelList:
    """Return the models, with what each takes on the devices that a run would use.

    Args:
        settings: With the devices.
        words: Parts of name, family, alphabet or licence, in any case; a model has all.

    Raises:
        UserError: A device does not exist, or no model has the words.
    """
    wanted = tuple(_with_words(words))
    if not wanted:
        raise UserError(
            f"no model matches {' '.join(words)!r}: `tui-balancer models` lists all of them"
        )
    request = PreflightRequest(model=None, devices=parse_devices(settings.devices.devices))
    found, rates = preflight(request).devices, load_rates()
    models = (_listed(name, family, settings, found, rates) for name, family in wanted)
    return ModelList(_FORMAT, tuple(models))


def _with_words(words: Sequence[str]) -> Iterator[tuple[str, Family]]:
    for family in FAMILIES.values():
        for name, model in family.models.items():
            about = (name, family.name, family.title, model.licence, model.shape.alphabet.name)
            text = "\n".join(about).lower()
            if all(word.lower() in text for word in words):
                yield name, family


def _listed(
    name: str, family: Family, settings: RunSettings, found: Sequence[DeviceInfo], rates: Rates
) -> ListedModel:
    model = family.models[name]
    shape = model.shape
    devices = selected_devices(settings, found, shape)
    precision = choose_precision("auto", devices, reference=False, formats=family.precisions)
    speed, measured = _speed(name, devices, settings.devices.weights, precision, rates)
    return ListedModel(
        name=name,
        family=family.title,
        reads=shape.alphabet.name,
        parameters=shape.weights,
        layers=shape.layers,
        width=shape.width,
        longest=shape.longest,
        max_length=family.max_length,
        licence=model.licence,
        memory=tuple(
            WorkerMemory(one, _worker_bytes(shape, family, devices, one))
            for one in family.precisions
        ),
        cached=cached_model(name) is not None,
        precision=precision,
        seconds=_cost(shape) / speed,
        measured=measured,
    )


def _worker_bytes(
    shape: ModelShape, family: Family, devices: Sequence[SelectedDevice], precision: Precision
) -> int:
    if all(one.kind != "cpu" for one in devices):
        return gpu_worker_bytes(shape, precision)
    settings = EmbeddingSettings(
        max_length=family.max_length, batch_tokens=CPU_BATCH_TOKENS, precision=precision
    )
    return cpu_worker_bytes(shape, settings)


def _cost(shape: ModelShape) -> float:
    """Return the FLOPs of the letters in sequences of common length."""
    length = COMMON_LENGTH * shape.alphabet.token_letters
    return LETTERS / length * shape.sequence_flops(length)


def _speed(
    name: str,
    devices: Sequence[SelectedDevice],
    weights: str | None,
    precision: Precision,
    rates: Rates,
) -> tuple[float, bool]:
    """Return the FLOP/s of all devices, and whether it was measured with this model."""
    specs, _ = device_specs(devices, weights)
    total, measured = 0.0, True
    for device, spec in zip(devices, specs, strict=True):
        rate = rates.get(rate_key(device, name, precision))
        measured = measured and rate is not None
        total += (
            rate
            or _rate_of_similar(name, device, precision, rates)
            or assumed_flops(device.device, spec.weight, device.threads)
        )
    return total, measured


def _rate_of_similar(
    name: str, device: SelectedDevice, precision: Precision, rates: Rates
) -> float | None:
    """Return the FLOP/s of the same kind of device with the model nearest in size; None if none."""
    size = MODELS[name].weights

    def ratio(model: str) -> float:
        other = MODELS[model].weights
        return max(size / other, other / size)

    key = rate_key(device, name, precision)
    known = [
        (ratio(one.model), rate)
        for one, rate in rates.items()
        if (one.device, one.precision) == (key.device, key.precision) and one.model in MODELS
    ]
    return min(known)[1] if known else None
