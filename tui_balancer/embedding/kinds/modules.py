"""What the module of a kind has, and how it is found: by the name of the kind."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch

from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.representations import Kind

Values = npt.NDArray[np.floating]


Gathered: TypeAlias = torch.Tensor | list[torch.Tensor]
"""A tensor a sequence: one of shape (B, D) where the size is fixed, else B tensors."""


class Gather(Protocol):
    """Takes a kind out of the states of a batch."""

    def __call__(self, states: torch.Tensor, batch: PackedBatch) -> Gathered:
        """Return a tensor a sequence, in the shape of the kind.

        Args:
            states: Of a layer, float32 of shape (T, D); they stay as they are.
            batch: On the same device, with B sequences.
        """


class KindModule(Protocol):
    """The module of a kind that each layer's states have."""

    @property
    def gather(self) -> Gather:
        """What takes the kind out of a batch."""

    def join(self, windows: Sequence[tuple[int, int]], values: Sequence[Values]) -> Values:
        """Return the kind of a whole sequence, in double precision.

        Args:
            windows: First residue and end of each, in order.
            values: Of each window, in the shape of the kind.
        """


class Attended(Protocol):
    """What is kept of the attention of all layers, taken out of one batch."""

    def add(self, layer: int, query: torch.Tensor, key: torch.Tensor) -> None:
        """Take in a layer, from 0: both rotated, not scaled, of shape (T, heads, head width)."""

    def parts(self) -> Gathered:
        """Return a tensor a sequence, in the shape of the kind."""


def module_of(kind: Kind) -> KindModule:
    """Return the module of a kind that each layer's states have."""
    return cast(KindModule, import_module(f"{__package__}.{kind.name}"))
