"""The rotation of queries and keys by their positions: Su et al. 2021, "RoFormer", section 3.2.

A head's dimensions i and i + width/2 are a pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from tui_balancer.embedding.forward.compiled_attention import Library, attention_library
from tui_balancer.embedding.packing import PackedBatch


class Rotation(Protocol):
    """Rotates the T tokens of one batch."""

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return queries or keys of shape (T, heads, width) rotated, in float32.

        They may be overwritten, and their dimensions may come out in another order: scores do
        not change when queries and keys are reordered alike.
        """


class ComplexRotation:
    """Pairs as complex numbers, times others of size 1: for every device."""

    def __init__(self, batch: PackedBatch, frequencies: torch.Tensor, heads: int) -> None:
        """Take the batch on its device, and by how much a position turns each pair."""
        angles = batch.positions[:, None] * frequencies
        turns = torch.complex(angles.cos(), angles.sin())
        self._turns = turns[:, None, :].expand(-1, heads, -1).contiguous()

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """See `Rotation`; the pairs come out side by side."""
        first, second = states.float().chunk(2, dim=-1)
        return torch.view_as_real(torch.complex(first, second) * self._turns).flatten(-2)


class CompiledRotation:
    """In place, by C of our own."""

    def __init__(self, batch: PackedBatch, frequencies: torch.Tensor, library: Library) -> None:
        """See `ComplexRotation`."""
        angles = torch.arange(batch.longest)[:, None] * frequencies
        self._turns = torch.cat((angles.cos(), angles.sin()), dim=1)
        self._positions, self._library = batch.positions, library

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """See `Rotation`."""
        rotated = states.float().contiguous()
        self._library.rotate(rotated, self._positions, self._turns)
        return rotated


def choose_rotation(frequencies: torch.Tensor, heads: int) -> Callable[[PackedBatch], Rotation]:
    """Return what makes the fastest rotation for each batch, on the device of the frequencies."""
    library = attention_library() if frequencies.device.type == "cpu" else None
    if library is not None:
        return lambda batch: CompiledRotation(batch, frequencies, library)
    return lambda batch: ComplexRotation(batch, frequencies, heads)
