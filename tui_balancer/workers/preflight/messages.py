"""What app and preflight process send each other."""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.devices.drivers import may_have_gpus
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import DeviceRequest
from tui_balancer.embedding.families.requests import ModelRequest, UntrainedModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import Precision


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """What to find out.

    Attributes:
        model: Asked for with `--model`; None when only the devices matter.
        devices: Asked for with `--devices`.
        repr_layers: Layers that the model must have.
        include: Kinds of embedding that it must be able to compute.
        first_byte_seconds: Longest wait for a download to begin; None for the usual one.
        measured: Number format whose speed on the processor is measured; None for none.
    """

    model: ModelRequest | None
    devices: DeviceRequest
    repr_layers: tuple[int, ...] = (-1,)
    include: tuple[str, ...] = ("mean",)
    first_byte_seconds: float | None = None
    measured: Precision | None = None

    @property
    def needs_torch(self) -> bool:
        """Whether the answer takes a process: weights, GPUs or a number format to look at."""
        weights = self.model is not None and not isinstance(self.model, UntrainedModel)
        gpus = may_have_gpus() and not self.devices.processor_only
        return weights or gpus or self.measured is not None


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What was found.

    Attributes:
        model: Sure to load; None when none was asked for.
        devices: Those of this machine, `cpu` always among them; not yet those of the run.
        warnings: Lines a person should read.
    """

    model: ModelSource | None
    devices: tuple[DeviceInfo, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """Sent by the process: so many bytes of a download are there."""

    received: int
    expected: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Sent by the process: a line for the person who must mend something."""

    line: str
