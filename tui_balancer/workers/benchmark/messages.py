"""Messages between app and benchmark processes."""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.devices.info import local_device
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import Precision
from tui_balancer.workers.preflight.messages import Refused


@dataclass(frozen=True, slots=True)
class LengthBucket:
    """Proteins of `shortest` to `longest` residues."""

    shortest: int
    longest: int


BUCKETS = (LengthBucket(30, 100), LengthBucket(101, 300), LengthBucket(301, 1022))


@dataclass(frozen=True, slots=True)
class BenchmarkTask:
    """The measurements of one process.

    Attributes:
        device: Its id in a run: `cuda:0`, `mps`, `cpu:0`.
        threads: CPU threads it computes with.
        precisions: Number formats, measured in order.
        batch_tokens: Maximum tokens of a batch.
        seconds: Length of each measurement; a slow batch may exceed it.
        visible: See `DeviceInfo`.
        memory_share: See `WorkerSetup`.
    """

    device: str
    threads: int
    model: ModelSource
    precisions: tuple[Precision, ...]
    batch_tokens: int
    seconds: float
    visible: str = ""
    memory_share: float = 1.0

    @property
    def local_device(self) -> str:
        """The device's name in the process that measures it."""
        return local_device(self.device, self.visible)

    @property
    def measurements(self) -> int:
        """Number of `Measurement`s."""
        return len(self.precisions) * len(BUCKETS)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The speed of one device for proteins of one bucket in one number format.

    Attributes:
        device: As in the task.
        precision: The number format.
        residues_per_second: Speed of the whole path from text to vectors.
        flops_per_second: The same, by the formula for the forward pass.
        ceiling: FLOP/s of the model's matrix products alone, on this device in this format.
        workers: How many processes this is the sum of.
    """

    device: str
    precision: Precision
    bucket: LengthBucket
    residues_per_second: float
    flops_per_second: float
    ceiling: float
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Ready:
    """Sent by a process: its model is loaded; it starts on request."""


BenchmarkMessage = Ready | Measurement | Refused
