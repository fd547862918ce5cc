"""Attention within each sequence of a packed batch."""

from __future__ import annotations

import logging
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

_BIAS_NUMBERS = 1 << 25
"""Of the matrices of a bias that are in memory at once, unless one head's alone has more."""

_FLASH_CAPABILITY = (8, 0)
"""The oldest generation of NVIDIA's cards that flash attention runs on: Ampere."""


_log = logging.getLogger(__name__)


class Attention(Protocol):
    """Softmax attention for the T tokens of a batch; every argument has shape (T, heads, width)."""

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Return the weighted values, of the same shape."""


class MakeBiased(Protocol):
    """Makes the attention of each batch, with a bias by the distance of two tokens."""

    def __call__(self, batch: PackedBatch, bias: torch.Tensor) -> Attention:
        """Return the attention of a batch.

        Args:
            batch: On its device.
            bias: See `by_distance`; on the same device.
        """


def by_distance(bias: torch.Tensor, tokens: int) -> torch.Tensor:
    """Return the matrices of a bias for sequences of one length.

    Args:
        bias: What is added to the scores of a head, in column r + key - query; float32 of shape
            (heads, 2·r + 1), r at least the longest sequence's tokens less 1.
        tokens: Of each sequence, L.

    Returns:
        Of shape (heads, L, L): each query's numbers for all keys.
    """
    middle = bias.shape[1] // 2
    near = bias[:, middle - tokens + 1 : middle + tokens]
    return near.unfold(1, tokens, 1).flip(1)


class RunAttention:
    """One call of torch's attention for each run of equal lengths: for every device."""

    def __init__(
        self, batch: PackedBatch, bias: torch.Tensor | None = None, scale: float | None = None
    ) -> None:
        """Take a batch.

        Args:
            batch: On its device.
            bias: See `by_distance`; None for none.
            scale: Of the products of queries and keys; None for 1/√width.
        """
        self._runs, self._bias, self._scale = batch.runs, bias, scale

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
        bias, tokens = self._bias, query.shape[2]
        if bias is None:
            attended = functional.scaled_dot_product_attention(query, key, value, scale=self._scale)
            out.copy_(attended)
            return
        # As many heads at once as have a matrix of bounded size.
        together = max(1, _BIAS_NUMBERS // tokens**2)
        for first in range(0, len(bias), together):
            heads = slice(first, first + together)
            q, k, v = (one[:, heads] for one in (query, key, value))
            matrices = by_distance(bias[heads], tokens).to(query.dtype)
            attended = functional.scaled_dot_product_attention(
                q, k, v, matrices.expand(len(q), -1, -1, -1), scale=self._scale
            )
            out[:, heads].copy_(attended)


class HeadAttention(RunAttention):
    """Long sequences head by head through oneDNN: for a CPU in float32 without a C compiler.

    torch's own attention sends its small products to the BLAS that `products` avoids. One
    head's scores fit a core's cache, so writing them out costs little; only for short
    sequences do the many calls cost more than they gain.
    """

    def __init__(
        self,
        batch: PackedBatch,
        products: OneDnnProducts,
        bias: torch.Tensor | None = None,
        scale: float | None = None,
    ) -> None:
        super().__init__(batch, bias, scale)
        self._product = products.product

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, out: torch.Tensor
    ) -> None:
        tokens, width = query.shape[2:]
        if tokens * width < _LONG_HEAD:
            super()._attend(query, key, value, out)
            return
        bias = self._bias
        query = (query * (width**-0.5 if self._scale is None else self._scale)).contiguous()
        key, value = key.contiguous(), value.transpose(2, 3).contiguous()
        for sequence in range(len(query)):
            for head, into in enumerate(out[sequence]):
                scores = self._product(query[sequence, head], key[sequence, head])
                if bias is not None:
                    scores += by_distance(bias[head : head + 1], tokens)[0]
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


def attention_dtype(device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """Return the format of attention: a CPU's in half precision is less exact and no faster."""
    return torch.float32 if device.type == "cpu" else dtype


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


def choose_biased_attention(
    device: torch.device, dtype: torch.dtype, heads: int, width: int, scale: float | None = None
) -> MakeBiased:
    """Return what makes the fastest attention with a bias, see `by_distance`.

    Args:
        device: Where to compute.
        dtype: Of queries, keys and values.
        heads: Of the attention.
        width: Of a head.
        scale: Of the products of queries and keys; None for 1/√width.
    """
    if device.type == "cuda":
        try:
            from tui_balancer.embedding.forward import flex

            compiled = flex.compiled_flex()
            if flex.flex_is_right(compiled, device, dtype, heads, width):
                return lambda batch, bias: flex.FlexAttention(batch, bias, scale, compiled)
            _log.warning("flex attention errs here: computing without it, which is slower")
        # No Triton, no compiler, too little memory in a multiprocessor: each fails in its own way.
        except Exception as error:
            _log.warning("computing without flex attention, which is slower: %r", error)
    elif device.type == "cpu" and dtype == torch.float32:
        if (library := attention_library()) is not None:
            return lambda batch, bias: CompiledAttention(batch, library, bias, scale)
        products = choose_products(device, dtype)
        if isinstance(products, OneDnnProducts):
            return lambda batch, bias: HeadAttention(batch, products, bias, scale)
    return lambda batch, bias: RunAttention(batch, bias, scale)


def varlen_is_there(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch has packed attention for a device and a number format."""
    if device.type != "cuda" or torch.version.cuda is None or dtype == torch.float32:
        return False
    try:
        from torch.nn.attention import varlen  # noqa: F401
    except ImportError:
        return False
    return torch.cuda.get_device_capability(device) >= _FLASH_CAPABILITY
