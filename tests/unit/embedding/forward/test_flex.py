"""Flex attention gets the right blocks, mask and bias, and is taken only where it is right.

Where it is not compiled, torch computes all scores and heeds the mask, but not the blocks.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from tui_balancer.embedding.forward.attention import RunAttention
from tui_balancer.embedding.forward.flex import Flex, FlexAttention, flex_is_right
from tui_balancer.embedding.packing import PackedBatch, Packer

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")

CPU = torch.device("cpu")


@pytest.fixture(
    params=[
        [5, 5, 2, 1],
        [128, 128],
        # Blocks of 128 tokens within a sequence, with the ends of two, and with many.
        [400, 100, 20, 20, 20, 3, 126, 125],
    ]
)
def batch(request: pytest.FixtureRequest) -> PackedBatch:
    return Packer({"M": 1}, 0, None, None).pack(["M" * length for length in request.param])


@pytest.mark.parametrize("scale", [None, 1.0])
def test_flex_attention_equals_attention_by_runs(batch: PackedBatch, scale: float | None) -> None:
    generator = torch.Generator().manual_seed(5)
    states = torch.randn(3, len(batch.tokens), 2, 4, generator=generator)
    bias = torch.randn(2, 2 * batch.longest + 1, generator=generator)
    result = FlexAttention(batch, bias, scale)(*states)
    assert torch.allclose(result, RunAttention(batch, bias, scale)(*states), atol=1e-6)


def test_its_blocks_are_those_in_which_a_sequence_meets_itself(batch: PackedBatch) -> None:
    numbers = torch.arange(len(batch.bounds) - 1).repeat_interleave(batch.bounds.diff())
    tokens = len(batch.tokens)
    expected = create_block_mask(
        lambda b, h, query, key: numbers[query] == numbers[key], None, None, tokens, tokens, CPU
    )
    result = FlexAttention(batch, torch.zeros(1, 2 * batch.longest - 1), None)
    assert torch.equal(result.mask.to_dense(), expected.to_dense())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_is_right_passes(dtype: torch.dtype) -> None:
    assert flex_is_right(flex_attention, CPU, dtype, 2, 8)


@pytest.mark.parametrize("wrong", ["score_mod", "block_mask", "result"])
def test_what_errs_does_not(wrong: str) -> None:
    def flex(*states: torch.Tensor, **given: Any) -> Any:
        right: Flex = flex_attention
        if wrong in given:
            return right(*states, **{**given, wrong: None})
        return right(*states, **given) + 1e-3

    assert not flex_is_right(flex, CPU, torch.float32, 2, 8)
