"""Attention within each sequence of a packed batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch.nn import functional

from tui_balancer.embedding.forward.compiled_attention import CompiledAttention, attention_library
from tui_balancer.embedding.forward.products import OneDnnProducts, choose_products
from tui_balancer.embedding.packing import PackedBatch

_LONG_HEAD = 9600
"""Elements of a head's queries, tokens by width, from which products by head are faster.

Tried from 3,200 up on a processor with AVX-512, for heads of 16 to 64.
"""

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
            q, k, v, out = (
                states[run.tokens].view(rectangle).transpose(1, 2)
                for states in (query, key, value, result)
            )
            self._attend(q, k, v, out)
        return result

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, out: torch.Tensor
    ) -> None:
        """Fill `out`; every argument has shape (sequences, heads, tokens, width)."""
        out.copy_(functional.scaled_dot_product_attention(query, key, value))


class HeadAttention(RunAttention):
    """Long sequences head by head through oneDNN: for a CPU in float32 without a C compiler.

    torch's own attention sends its small products to the BLAS that `products` avoids. One
    head's scores fit a core's cache, so writing them out costs little; only for short
    sequences do the many calls cost more than they gain.
    """

    def __init__(self, batch: PackedBatch, products: OneDnnProducts) -> None:
        super().__init__(batch)
        self._product = products.product

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, out: torch.Tensor
    ) -> None:
        tokens, width = query.shape[2:]
        if tokens * width < _LONG_HEAD:
            super()._attend(query, key, value, out)
            return
        query = (query * width**-0.5).contiguous()
        key, value = key.contiguous(), value.transpose(2, 3).contiguous()
        for sequence in range(len(query)):
            for head, into in enumerate(out[sequence]):
                scores = self._product(query[sequence, head], key[sequence, head])
                into.copy_(self._product(scores.softmax(-1), value[sequence, head]))


class VarlenAttention:
    """One call for the whole batch, whatever the lengths: flash attention on NVIDIA's cards."""

    def __init__(self, batch: PackedBatch) -> None:
        self._bounds, self._longest = batch.bounds, batch.longest

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """See `Attention`."""
        from torch.nn.attention.varlen import varlen_attn

        bounds, longest = self._bounds, self._longest
        # The arguments common to all versions since 2.10; the others default to full attention.
        result = varlen_attn(query, key, value, bounds, bounds, longest, longest)
        assert isinstance(result, torch.Tensor), "only `return_aux` makes it a pair"
        return result


def choose_attention(
    device: torch.device, dtype: torch.dtype
) -> Callable[[PackedBatch], Attention]:
    """Return what makes the fastest attention for each batch of a device and a number format."""
    if varlen_is_there(device, dtype):
        return VarlenAttention
    if device.type == "cpu" and dtype == torch.float32:
        if (library := attention_library()) is not None:
            return lambda batch: CompiledAttention(batch, library)
        products = choose_products(device, dtype)
        if isinstance(products, OneDnnProducts):
            return lambda batch: HeadAttention(batch, products)
    return RunAttention


def varlen_is_there(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch has packed attention for a device and a number format."""
    if device.type != "cuda" or torch.version.cuda is None or dtype == torch.float32:
        return False
    try:
        from torch.nn.attention import varlen  # noqa: F401
    except ImportError:
        return False
    return torch.cuda.get_device_capability(device) >= _FLASH_CAPABILITY
