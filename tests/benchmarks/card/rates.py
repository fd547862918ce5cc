"""What the card does at most: products in several number formats, and its memory. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from tests.benchmarks.card.blocks import by_turns, one_block
from tests.benchmarks.card.context import Context
from tests.benchmarks.card.facts import facts, state
from tui_balancer.embedding.embedder import prepare_torch

SQUARES = ((8192, 8192, 8192), (4096, 4096, 4096), (16384, 8192, 8192))
LAYERS = (
    (65536, 320, 1280),
    (32768, 640, 2560),
    (16384, 1280, 3840),
    (16384, 1280, 5120),
    (16101, 1280, 5120),
    (16384, 5120, 1280),
    (8192, 2560, 10240),
    (8192, 10240, 2560),
)
"""Rows, inner width and columns: of large products, and of ESM-2's layers in a run's batches.

A batch has any number of tokens: one that is odd shows what that costs.
"""

QUICK = ((64, 320, 1280), (128, 128, 128))

FORMATS = {
    "bf16": (torch.bfloat16, "highest"),
    "fp16": (torch.float16, "highest"),
    "tf32": (torch.float32, "high"),
    "fp32": (torch.float32, "highest"),
}
"""Type of the numbers, and torch's float32 precision."""

COPIED_BYTES, QUICK_BYTES = 4 << 30, 1 << 20

TRIED_SECONDS = 0.06
"""Of a shape, to find the fastest; only that is measured in blocks."""

PRODUCTS = 4
"""One after the other, before the host waits for the card."""


@torch.inference_mode()
def measure(context: Context) -> None:
    """Write the card's facts, its fastest product in each format, and its memory's bandwidth."""
    prepare_torch(1)
    context.results.write(
        "card", device=context.device, quick=context.quick, **facts(context.device)
    )
    # Half precision on a processor takes minutes.
    names = ("bf16", "fp32") if context.device == "cpu" else tuple(FORMATS)
    for name in names:
        try:
            _products(context, name)
        except Exception as error:
            context.results.failed(f"products in {name}", error)
    try:
        _bandwidth(context)
    except Exception as error:
        context.results.failed("bandwidth", error)
    context.results.write("state", **state(context.device))


def _products(context: Context, name: str) -> None:
    """Write the rate of each shape, then blocks of the fastest."""
    device, (dtype, precision) = torch.device(context.device), FORMATS[name]
    shapes = QUICK if context.quick else (*SQUARES, *LAYERS)
    rates: dict[tuple[int, int, int], float] = {}
    with _float32_precision(precision):
        for shape in shapes:
            work = _product(shape, device, dtype)
            work()
            done, seconds = one_block(work, min(TRIED_SECONDS, context.block_seconds), device)
            rates[shape] = done * _flops(shape) / seconds
            context.results.write("tried", what=name, shape=shape, per_second=rates[shape])
        best = max(rates, key=lambda shape: rates[shape])
        _blocks(context, name, _product(best, device, dtype), _flops(best), shape=best)


def _bandwidth(context: Context) -> None:
    """Write blocks of a copy within the card's memory, which reads and writes every byte."""
    size = QUICK_BYTES if context.quick else COPIED_BYTES
    source = torch.randint(256, (size,), dtype=torch.uint8, device=context.device)
    target = torch.empty_like(source)
    _blocks(context, "bandwidth", lambda: target.copy_(source), 2.0 * size)


def _blocks(
    context: Context, what: str, work: Callable[[], object], amount: float, **others: object
) -> None:
    device = torch.device(context.device)

    def failed(name: str, error: Exception) -> None:
        context.results.failed(name, error)

    for block in by_turns({what: work}, context.blocks, context.block_seconds, device, failed):
        rate = block.passes * amount / block.seconds
        context.results.write(
            "rate", what=what, block=block.number, seconds=block.seconds, per_second=rate, **others
        )


def _product(
    shape: tuple[int, int, int], device: torch.device, dtype: torch.dtype
) -> Callable[[], object]:
    rows, inner, columns = shape
    left = torch.randn(rows, inner, device=device, dtype=dtype)
    # As weights lie, which products take transposed.
    right = torch.randn(columns, inner, device=device, dtype=dtype)
    result = torch.empty(rows, columns, device=device, dtype=dtype)

    def work() -> None:
        for _ in range(PRODUCTS):
            torch.mm(left, right.T, out=result)

    return work


def _flops(shape: tuple[int, int, int]) -> float:
    """Return the FLOPs of the `PRODUCTS` of a shape."""
    rows, inner, columns = shape
    return PRODUCTS * 2.0 * rows * inner * columns


@contextmanager
def _float32_precision(precision: str) -> Iterator[None]:
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")
