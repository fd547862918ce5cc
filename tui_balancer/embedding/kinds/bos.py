"""The state of the first token, which stands before the residues of a sequence."""

from __future__ import annotations

import torch

from tui_balancer.embedding.kinds.mean import join
from tui_balancer.embedding.packing import PackedBatch

__all__ = ["gather", "join"]


def gather(states: torch.Tensor, batch: PackedBatch) -> torch.Tensor:
    """See `modules.Gather`."""
    return states[batch.bounds[:-1].long()]
