"""Attention with a bias on a CUDA device, held against torch's public one."""

from __future__ import annotations

import pytest
import torch

from tui_balancer.embedding.forward.attention import RunAttention, choose_biased_attention
from tui_balancer.embedding.packing import Packer

if torch.cuda.is_available():
    from tui_balancer.embedding.forward.flex import FlexAttention

pytestmark = pytest.mark.cuda

ERRORS = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


@pytest.mark.parametrize("dtype", list(ERRORS))
@pytest.mark.parametrize("width", [64, 128])
def test_flex_attention_equals_attention_by_runs(dtype: torch.dtype, width: int) -> None:
    device, heads = torch.device("cuda:0"), 12
    make = choose_biased_attention(device, dtype, heads, width, 0.1)
    generator = torch.Generator().manual_seed(0)
    # More batches than the compiler makes kernels for: one serves all.
    for count in range(1, 20):
        lengths = [37 * one for one in range(1, count + 1)]
        batch = Packer({"M": 1}, 0, None, None).pack(["M" * one for one in lengths]).moved(device)
        states = torch.randn(3, sum(lengths), heads, width, generator=generator).to(device, dtype)
        bias = torch.randn(heads, 2 * max(lengths) - 1, generator=generator).to(device)
        attention = make(batch, bias)
        assert isinstance(attention, FlexAttention)
        expected = RunAttention(batch, bias, 0.1)(*states.float())
        assert (attention(*states) - expected).abs().max() < ERRORS[dtype]
