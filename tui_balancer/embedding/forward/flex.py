"""Attention with a bias by the distance of two tokens on a GPU: torch's flex attention, compiled.

One kernel for the whole batch, whatever the lengths: blocks of scores within no sequence are not
computed, and the bias is added as the scores are made. torch compiles it by Triton at its first
use; block sizes follow from device and width alone, so the same batch has the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from tui_balancer.embedding.forward.attention import RunAttention
from tui_balancer.embedding.packing import PackedBatch, Packer, Run

_BLOCK = 128
"""Tokens of a block, the least that flex attention takes on every device."""

_PROBE_ERRORS = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}
"""Of numbers around 1."""

Flex = Callable[..., Any]
"""`flex_attention`, compiled or not."""

Index = torch.Tensor
"""The number of a head, a query or a key."""


class FlexAttention:
    """One call for the whole batch; see `attention.Attention`.

    Attributes:
        mask: Which queries meet which keys.
    """

    def __init__(
        self,
        batch: PackedBatch,
        bias: torch.Tensor,
        scale: float | None,
        flex: Flex = flex_attention,
    ) -> None:
        """Take a batch.

        Args:
            batch: On its device.
            bias: See `attention.by_distance`; on the same device.
            scale: Of the products of queries and keys; None for 1/√width.
            flex: What computes.
        """
        self._scale, self._flex = scale, flex
        lengths = batch.bounds.diff()
        numbers = torch.arange(len(lengths), dtype=torch.int32, device=batch.bounds.device)
        tokens = len(batch.tokens)
        sequences = numbers.repeat_interleave(lengths, output_size=tokens)
        # A tensor, not a number: numbers are part of what is compiled.
        positions, shifted = batch.positions, batch.positions + bias.shape[1] // 2

        def same(_: Index, __: Index, query: Index, key: Index) -> torch.Tensor:
            return sequences[query] == sequences[key]

        def biased(
            score: torch.Tensor, _: Index, head: Index, query: Index, key: Index
        ) -> torch.Tensor:
            return score + bias[head, shifted[key] - positions[query]]

        counts, places = (one.to(bias.device) for one in _blocks(batch.runs, tokens))
        self.mask = BlockMask.from_kv_blocks(
            counts, places, BLOCK_SIZE=_BLOCK, mask_mod=same, seq_lengths=(tokens, tokens)
        )
        self._biased = biased

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """See `attention.Attention`."""
        result: torch.Tensor = self._flex(
            *(one.transpose(0, 1)[None] for one in (query, key, value)),
            score_mod=self._biased,
            block_mask=self.mask,
            scale=self._scale,
        )
        return result[0].transpose(0, 1)


def _blocks(runs: tuple[Run, ...], tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which blocks of keys share a sequence with each block of queries.

    Returns:
        How many: int32 of shape (1, 1, blocks). Which, the rest of a row being 0: int32 of shape
        (1, 1, blocks, blocks).
    """
    blocks = -(-tokens // _BLOCK)
    first, last = [blocks] * blocks, [0] * blocks
    for run in runs:
        for start in range(run.start, run.tokens.stop, run.length):
            lowest, highest = start // _BLOCK, (start + run.length - 1) // _BLOCK
            for block in range(lowest, highest + 1):
                first[block] = min(first[block], lowest)
                last[block] = max(last[block], highest)
    places = torch.zeros(1, 1, blocks, blocks, dtype=torch.int32)
    for block, (low, high) in enumerate(zip(first, last, strict=True)):
        places[0, 0, block, : high - low + 1] = torch.arange(low, high + 1)
    counts = torch.tensor(last, dtype=torch.int32) - torch.tensor(first, dtype=torch.int32) + 1
    return counts[None, None], places


def compiled_flex() -> Flex:
    """Return flex attention, to be compiled by its first calls.

    As a whole, or they fail: what is not compiled makes the scores of the whole batch.
    """
    return torch.compile(flex_attention, dynamic=True, fullgraph=True)


@torch.inference_mode()
def flex_is_right(
    flex: Flex, device: torch.device, dtype: torch.dtype, heads: int, width: int
) -> bool:
    """Whether it computes what torch's public attention does.

    Args:
        flex: What computes.
        device: Where.
        dtype: Of queries, keys and values.
        heads: Of the attention.
        width: Of a head.

    Raises:
        Exception: It cannot be compiled here, in one of many ways.
    """
    generator = torch.Generator().manual_seed(0)
    # Of one block, and of several: the compiler tells these apart.
    for lengths in ((3, 40), (7, 200, 300, 1)):
        batch = Packer({"A": 0}, 0, None, None).pack(["A" * length for length in lengths])
        states = torch.randn(3, sum(lengths), heads, width, generator=generator).to(dtype)
        bias = torch.randn(heads, 2 * max(lengths) - 1, generator=generator)
        attention = FlexAttention(batch.moved(device), bias.to(device), None, flex)
        got = attention(*states.to(device)).cpu().float()
        want = RunAttention(batch, bias)(*states.float())
        if not torch.allclose(got, want, atol=_PROBE_ERRORS[dtype]):
            return False
    return True
