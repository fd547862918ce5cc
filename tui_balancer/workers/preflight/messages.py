"""Messages between app and preflight process."""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.devices.drivers import may_have_gpus
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import DeviceRequest
from tui_balancer.embedding.families.limits import refuse_beyond_limits
from tui_balancer.embedding.families.requests import ModelRequest, UntrainedModel
from tui_balancer.embedding.models import ModelShape, ModelSource
from tui_balancer.embedding.settings import Precision


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """The checks to run.

    Attributes:
        model: Value of `--model`; None to check only the devices.
        devices: Value of `--devices`.
        repr_layers: Layers that the model must have.
        include: Kinds of embedding that it must support.
        max_length: Residues that it must take together; 0 for no demand.
        reference: Whether its makers' own forward pass must be there.
        first_byte_seconds: Longest wait for a download to start; None for the default.
        measured: Number format to measure on the CPU; None for none.
    """

    model: ModelRequest | None
    devices: DeviceRequest
    repr_layers: tuple[int, ...] = (-1,)
    include: tuple[str, ...] = ("mean",)
    max_length: int = 0
    reference: bool = False
    first_byte_seconds: float | None = None
    measured: Precision | None = None

    @property
    def needs_torch(self) -> bool:
        """Whether the answer needs a process: to check weights, GPUs or a number format."""
        weights = self.model is not None and not isinstance(self.model, UntrainedModel)
        gpus = may_have_gpus() and not self.devices.processor_only
        return weights or gpus or self.measured is not None

    def refuse_beyond_limits(self, shape: ModelShape) -> None:
        """Refuse what a model cannot compute; see `limits.refuse_beyond_limits`."""
        refuse_beyond_limits(
            shape,
            repr_layers=self.repr_layers,
            include=self.include,
            max_length=self.max_length,
            reference=self.reference,
        )


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """The results.

    Attributes:
        model: The model, checked to load; None if none was requested.
        devices: All devices of this machine, always with `cpu`; not yet those of the run.
        warnings: Lines for the user.
    """

    model: ModelSource | None
    devices: tuple[DeviceInfo, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """Sent by the process: progress of a download in bytes."""

    received: int
    expected: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Sent by the process: an error message for the user."""

    line: str
