"""The state of every residue of a sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tui_balancer.embedding.kinds.modules import Values
from tui_balancer.embedding.packing import PackedBatch


def gather(states: torch.Tensor, batch: PackedBatch) -> list[torch.Tensor]:
    """See `modules.Gather`."""
    return [states[one] for one in batch.residues()]


def join(windows: Sequence[tuple[int, int]], values: Sequence[Values]) -> Values:
    """Return of each residue the mean over the windows that it is in."""
    length, width = windows[-1][1], values[0].shape[1]
    whole, weights = np.zeros((length, width)), np.zeros((length, 1))
    for (start, end), value in zip(windows, values, strict=True):
        whole[start:end] += value
        weights[start:end] += 1
    return whole / weights
