"""Sequences in, a row of numbers for each out, by the packed forward pass or the makers' own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch

from tui_balancer.embedding.families.code import Loaded, Rows, code_of, load
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings, Precision

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""torch's names of the number formats."""


class Pending(Protocol):
    """A batch on its way."""

    def vectors(self) -> torch.Tensor:
        """Wait for it, and return what `Embedder.embed` does."""

    def seconds(self) -> float:
        """Return how long the device computed it; once it was waited for."""


class Embedder:
    """A loaded model on one device, with the settings that decide its vectors.

    Attributes:
        shape: The model's architecture.
        sha256: Of its weights, see `code.Loaded`.
        kept: What is kept of a sequence. Layers count from 0 (the embedded tokens) to their
            number (the last, after the final layer norm).
        computes_by_itself: Whether the device continues with started work while this process
            does other things.
    """

    def __init__(self, loaded: Loaded, device: str, settings: EmbeddingSettings) -> None:
        self.shape = loaded.shape
        self.sha256 = loaded.sha256
        self.kept = settings.representations(loaded.shape.layers, loaded.shape.width)
        place = torch_device(device)
        self.computes_by_itself = place.type == "cuda"
        code = code_of(loaded.shape.family)
        self._rows = (
            code.reference(loaded, self.kept, place)
            if settings.reference
            else code.packed(loaded, self.kept, place, DTYPES[settings.precision])
        )

    def embed(self, sequences: Sequence[str]) -> torch.Tensor:
        """Return what is kept of each sequence, see `representations.Representations`.

        Args:
            sequences: One batch: non-empty sequences of the alphabet's letters, already cut
                at the maximum length; equal lengths side by side are computed together.

        Returns:
            float32 on the CPU, in the order of the sequences: of shape (sequences, numbers), or
            of shape (numbers,), one behind the other, where they differ in size. By default a row
            is the mean of the last layer over the residues.
        """
        if not sequences:
            return torch.empty(0, self.kept.numbers(0) if self.kept.fixed else 0)
        if self.computes_by_itself:
            return self.begin(sequences).vectors()
        return self._rows(sequences).cpu()

    def begin(self, sequences: Sequence[str]) -> Pending:
        """Give a batch to a device that computes by itself; see `embed`."""
        return _OnCuda(self._rows, sequences)


class _OnCuda:
    """A batch in the current stream: after those before it, its vectors copied at its end."""

    def __init__(self, rows: Rows, sequences: Sequence[str]) -> None:
        stream = torch.cuda.current_stream()
        self._begun = stream.record_event(_timing_event())
        on_device = rows(sequences)
        self._vectors = torch.empty(on_device.shape, pin_memory=True)
        self._vectors.copy_(on_device, non_blocking=True)
        self._done = stream.record_event(_timing_event())

    def vectors(self) -> torch.Tensor:
        """See `Pending`."""
        self._done.synchronize()
        return self._vectors

    def seconds(self) -> float:
        """See `Pending`; without the time that batches before it took."""
        milliseconds: float = self._begun.elapsed_time(self._done)
        return milliseconds / 1000


def _timing_event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def load_embedder(
    source: ModelSource,
    device: str,
    threads: int,
    settings: EmbeddingSettings,
    scratch: Path | None = None,
) -> Embedder:
    """Load a model onto a device, in a process that has only this to do.

    Args:
        device: In this process, see `devices.info.local_device`: `cuda:0`, `mps`, `cpu:0`.
        threads: CPU threads that torch computes with from now on.
        settings: What decides the vectors.
        scratch: See `code.load`.

    Raises:
        UserError: The model cannot be loaded, or has no such layer.
    """
    prepare_torch(threads)
    return Embedder(load(source, scratch), device, settings)


def prepare_torch(threads: int) -> None:
    """Settle how this process computes, whatever its environment asks of torch.

    Products mean what their number format says: float32 is not computed in TF32, and half
    precision is not summed up in itself.

    Args:
        threads: CPU threads that torch computes with from now on.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def torch_device(device: str) -> torch.device:
    """Return torch's device; `cpu:0`, `cpu:1` … are workers on one and the same."""
    return torch.device("cpu" if device.startswith("cpu") else device)
