"""The mean over the residues of a sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tui_balancer.embedding.kinds.modules import Values
from tui_balancer.embedding.packing import PackedBatch


def gather(states: torch.Tensor, batch: PackedBatch) -> torch.Tensor:
    """See `modules.Gather`."""
    return torch.cat([one.mean(1) for one in batch.residue_states(states)])


def join(windows: Sequence[tuple[int, int]], values: Sequence[Values]) -> Values:
    """Return the mean over the windows, each with the weight of its residues."""
    whole, weights = np.zeros_like(values[0], np.float64), 0
    for (start, end), value in zip(windows, values, strict=True):
        whole += value * float(end - start)
        weights += end - start
    return whole / weights
