"""Speeds of devices before they are measured."""

from __future__ import annotations

from tui_balancer.device_names import device_name

CUDA_FLOPS = 15e12
"""Assumed FLOP/s of a card of weight 1.0 (RTX 3090): under half of its 35.6 TFLOPS in fp32."""

MPS_FLOPS = 2e12
"""Assumed FLOP/s of an Apple GPU: about half of an M1's fp32 rate in its data sheet."""

CPU_THREAD_FLOPS = 1e11
"""Assumed FLOP/s of a CPU thread: about half of a core with AVX-512 at 3 GHz."""

COMMON_LENGTH = 300
"""Tokens of an average protein, which has a small effect on the cost of a batch."""


def assumed_flops(device: str, weight: float, threads: int) -> float:
    """Return the assumed FLOP/s of a device; a run measures them."""
    kind = device_name(device).kind
    if kind == "cpu":
        return CPU_THREAD_FLOPS * threads
    return MPS_FLOPS if kind == "mps" else CUDA_FLOPS * weight
