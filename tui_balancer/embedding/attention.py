"""Attention within each sequence of a packed batch."""

from __future__ import annotations

from typing import Protocol

import torch
from torch.nn import functional

from tui_balancer.embedding.packing import PackedBatch

_FLASH_CAPABILITY = (8, 0)
"""The oldest generation of NVIDIA's cards that flash attention runs on: Ampere."""


class Attention(Protocol):
    """Softmax attention for the T tokens of a batch; every argument has shape (T, heads, width)."""

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Return the weighted values, of the same shape."""


class RunAttention:
    """One call of torch's attention for each run of equal lengths: for every device."""

    def __init__(self, batch: PackedBatch) -> None:
        self._runs = batch.runs

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """See `Attention`."""
        result = torch.empty_like(value)
        for run in self._runs:
            rectangle = (run.count, run.length, *value.shape[1:])
            q, k, v = (
                states[run.tokens].view(rectangle).transpose(1, 2) for states in (query, key, value)
            )
            attended = functional.scaled_dot_product_attention(q, k, v)
            result[run.tokens].view(rectangle).copy_(attended.transpose(1, 2))
        return result


class VarlenAttention:
    """One call for the whole batch, whatever the lengths: flash attention on NVIDIA's cards."""

    def __init__(self, batch: PackedBatch, device: torch.device) -> None:
        lengths = batch.lengths
        ends = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
        self._bounds = ends.to(device, non_blocking=True)
        self._longest = max(lengths)

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """See `Attention`."""
        from torch.nn.attention.varlen import varlen_attn

        bounds, longest = self._bounds, self._longest
        # The arguments common to all versions since 2.10; the others default to full attention.
        result = varlen_attn(query, key, value, bounds, bounds, longest, longest)
        assert isinstance(result, torch.Tensor), "only `return_aux` makes it a pair"
        return result


def varlen_is_there(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch has packed attention for a device and a number format."""
    if device.type != "cuda" or torch.version.cuda is None or dtype == torch.float32:
        return False
    try:
        from torch.nn.attention import varlen  # noqa: F401
    except ImportError:
        return False
    return torch.cuda.get_device_capability(device) >= _FLASH_CAPABILITY
