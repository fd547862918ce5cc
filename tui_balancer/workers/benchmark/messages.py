"""What app and benchmark processes send each other."""

from __future__ import annotations

from dataclasses import dataclass

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
    """What one process measures.

    Attributes:
        device: As the run names it: `cuda:0`, `mps`, `cpu:0`.
        threads: CPU threads it computes with.
        model: What it embeds with.
        precisions: Number formats, measured one after the other.
        batch_tokens: Tokens of a batch, at most.
        seconds: That each measurement goes on for; one batch takes as long as it takes.
        visible: See `DeviceInfo`.
    """

    device: str
    threads: int
    model: ModelSource
    precisions: tuple[Precision, ...]
    batch_tokens: int
    seconds: float
    visible: str = ""

    @property
    def local_device(self) -> str:
        """What the device is called in the process that measures it."""
        return "cuda:0" if self.visible else self.device

    @property
    def measurements(self) -> int:
        """How many `Measurement`s there will be."""
        return len(self.precisions) * len(BUCKETS)


@dataclass(frozen=True, slots=True)
class Measurement:
    """How fast one device embeds proteins of one bucket in one number format.

    Attributes:
        device: As in the task.
        precision: The number format.
        bucket: The lengths.
        residues_per_second: Of the whole way from text to vectors.
        flops_per_second: Of the same, by the formula for the forward pass.
        ceiling: FLOP/s of the model's own matrix products alone, on this device in this format.
    """

    device: str
    precision: Precision
    bucket: LengthBucket
    residues_per_second: float
    flops_per_second: float
    ceiling: float


@dataclass(frozen=True, slots=True)
class Ready:
    """Sent by a process: its model is loaded; it begins when told to."""


BenchmarkMessage = Ready | Measurement | Refused
