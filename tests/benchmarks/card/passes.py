"""The forward passes of one model, side by side. Imports torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from tests.benchmarks.card.blocks import by_turns, finish
from tests.benchmarks.card.context import Context
from tests.benchmarks.card.facts import state
from tests.benchmarks.card.kernels import kernel_seconds
from tests.benchmarks.card.models import source_of
from tests.benchmarks.card.samples import Samples
from tests.benchmarks.forward_contenders import Contender, contenders_for
from tests.benchmarks.forward_passes import computed_tokens, work_of
from tui_balancer.embedding.models import ModelShape, ModelSource

OURS = "packed"

SPARE = 1.2
"""A sample takes so many times a block's least time."""


@dataclass(frozen=True)
class Prepared:
    """A contender that has computed its sample once.

    Attributes:
        work: Computes the sample.
        batches: The sample.
        seconds: Of a pass.
    """

    contender: Contender
    work: Callable[[], None]
    batches: list[list[str]]
    seconds: float


def measure(context: Context, model: str, *, in_float32: bool = False) -> None:
    """Write blocks of what runs as it is: ours, transformers' and `extract.py`."""

    def takes_part(one: Contender) -> bool:
        # `extract.py` has no other format, and computes no larger batches.
        alone = one.forward == "extract" or one.precision == "bf16" or in_float32
        return alone and one.forward not in ("compiled", "product")

    _measure(context, model, filter(takes_part, _contenders(context, model)), by_compiler=False)


def measure_compiled(context: Context, model: str) -> None:
    """Write blocks of transformers' by `torch.compile`, which takes a while, and of ours."""

    def takes_part(one: Contender) -> bool:
        return one.forward == "compiled" or (one.forward == OURS and one.precision == "bf16")

    _measure(context, model, filter(takes_part, _contenders(context, model)), by_compiler=True)


def _contenders(context: Context, model: str) -> list[Contender]:
    """Return the contenders of a GPU, the most important first."""
    found = contenders_for(source_of(model, context.quick).shape.family, "cuda:0")
    return sorted(found, key=lambda one: (one.precision == "fp32", one.forward != OURS))


def _measure(
    context: Context, model: str, contenders: Iterable[Contender], *, by_compiler: bool
) -> None:
    source, device = source_of(model, context.quick), torch.device(context.device)
    there: dict[str, Prepared] = {}
    for contender in contenders:
        what = f"{model}, {contender.name}"
        try:
            one = _prepared(context, source, contender)
        except Exception as error:
            context.results.failed(what, error)
            _free(device)
            continue
        turns = [max(of.seconds, context.block_seconds) for of in (*there.values(), one)]
        if context.blocks * sum(turns) > context.left:
            context.results.write("skipped", what=what, reason="too slow for the time that is left")
            continue
        there[contender.name] = one

    def failed(name: str, error: Exception) -> None:
        context.results.failed(f"{model}, {name}", error)
        _free(device)

    works = {name: one.work for name, one in there.items()}
    sizes = {name: _sizes(one, source.shape) for name, one in there.items()}
    seconds: dict[str, list[float]] = {name: [] for name in there}
    for block in by_turns(works, context.blocks, context.block_seconds, device, failed):
        context.results.write(
            "forward",
            model=model,
            by_compiler=by_compiler,
            contender=block.name,
            precision=there[block.name].contender.precision,
            block=block.number,
            seconds=block.seconds,
            passes=block.passes,
            **sizes[block.name],
        )
        seconds[block.name].append(block.seconds / block.passes)
    context.results.write("state", after=model, **state(context.device))
    for name, one in () if by_compiler else there.items():
        if one.contender.forward == OURS and one.contender.precision == "bf16" and seconds[name]:
            _write_kernels(context, model, one, median(seconds[name]))


def _prepared(context: Context, source: ModelSource, contender: Contender) -> Prepared:
    """Load a contender, and find a sample of a block's length.

    Raises:
        Exception: It cannot be loaded, or does not compute.
    """
    device = torch.device(context.device)
    work = work_of(contender, source, context.scratch, context.device)
    samples = Samples(contender, source.shape, context.device, quick=context.quick)
    batches = samples.least()
    # The first pass compiles kernels and takes memory.
    work(_texts(batches))
    seconds = _seconds(partial(work, _texts(batches)), device)
    if seconds < SPARE * context.block_seconds:
        batches = samples.longer(SPARE * context.block_seconds / seconds)
        work(_texts(batches))
        seconds = _seconds(partial(work, _texts(batches)), device)
    return Prepared(contender, partial(work, _texts(batches)), batches, seconds)


def _texts(batches: list[list[str]]) -> list[str]:
    return [text for batch in batches for text in batch]


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    finish(device)
    began = time.perf_counter()
    work()
    finish(device)
    return time.perf_counter() - began


def _sizes(one: Prepared, shape: ModelShape) -> dict[str, float]:
    """Return what a pass over a sample is: residues, tokens, FLOPs without those of padding."""
    lengths = [len(text) for text in _texts(one.batches)]
    return {
        "batches": len(one.batches),
        "residues": sum(lengths),
        "tokens": sum(shape.alphabet.tokens(length) for length in lengths),
        "computed_tokens": computed_tokens(one.contender, shape, one.batches),
        "flops": sum(shape.sequence_flops(length) for length in lengths),
    }


def _write_kernels(context: Context, model: str, one: Prepared, pass_seconds: float) -> None:
    """Write how long each kernel of a pass takes, next to the pass without a profiler."""
    try:
        seconds = kernel_seconds(one.work, torch.device(context.device))
        context.results.write(
            "kernels",
            model=model,
            contender=one.contender.name,
            pass_seconds=pass_seconds,
            seconds=seconds,
        )
    except Exception as error:
        context.results.failed(f"{model}, kernels", error)


def _free(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
