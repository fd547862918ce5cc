"""Where the time of a forward pass goes on one core: `python -m tests.benchmarks.breakdown`.

Columns: residues/s of one thread; FLOP/s as a share of the ceiling, the rate of the model's
largest matrix product, measured by turns with it; the time in products with weights and what is
fused into them, in attention, and in everything else. Of the products and of the attention, how
fast they are as a share of that ceiling, too: what attention computes beyond its products, an
exponential for every pair of tokens and head, is no part of its FLOPs.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from statistics import median
from types import ModuleType
from typing import Any
from unittest.mock import patch

from tests.benchmarks.forward_contenders import MODELS, sequences_for
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.embedder import Embedder, prepare_torch, torch_device
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.forward.attention import choose_attention, choose_biased_attention
from tui_balancer.embedding.forward.products import choose_products
from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.process.heap import keep_freed_memory
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS
from tui_balancer.workers.benchmark.measure import product_rate
from tui_balancer.workers.benchmark.messages import BenchmarkTask

PRODUCTS, ATTENTION, ALL = "products", "attention", "all"
TURNS = 5
LOOKING_UP = ("esm2", "esmc", "t5")
"""Families whose first layer's queries, keys and values follow from the letter alone."""


class Timed:
    """Something whose methods, or which itself, is called, and how long that takes."""

    def __init__(self, what: Any, name: str, seconds: defaultdict[str, float]) -> None:
        self._what, self._name, self._seconds = what, name, seconds

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return Timed(getattr(self._what, method), self._name, self._seconds)

    def __call__(self, *arguments: Any) -> Any:
        began = time.perf_counter()
        result = self._what(*arguments)
        self._seconds[self._name] += time.perf_counter() - began
        return result


def timed_embedder(
    model: str, precision: Precision, seconds: defaultdict[str, float]
) -> tuple[Embedder, BenchmarkTask]:
    """Load a model whose forward pass notes where its time goes."""
    source = resolve(UntrainedModel(MODELS[model], 0))
    task = BenchmarkTask("cpu:0", 1, source, (precision,), CPU_BATCH_TOKENS, seconds=0.5)
    layers = layers_of(source.shape.family)

    def timed_attention(choose: Callable[..., Any]) -> Callable[..., Any]:
        def chosen(*place: Any, **named: Any) -> Callable[..., Timed]:
            make = choose(*place, **named)
            return lambda *batch: Timed(make(*batch), ATTENTION, seconds)

        return chosen

    def timed_products(*place: Any) -> Timed:
        return Timed(choose_products(*place), PRODUCTS, seconds)

    with ExitStack() as patches:
        patches.enter_context(patch.object(layers, "choose_products", timed_products))
        for choose in (choose_attention, choose_biased_attention):
            if hasattr(layers, choose.__name__):
                timed = patch.object(layers, choose.__name__, timed_attention(choose))
                patches.enter_context(timed)
        settings = EmbeddingSettings(batch_tokens=CPU_BATCH_TOKENS, precision=precision)
        return Embedder(load(source), task.device, settings), task


def layers_of(family: str) -> ModuleType:
    """Return the module of a family's forward pass."""
    room = "fairesm" if family in ("esm1", "esm2") else f"families.{family}"
    return import_module(f"tui_balancer.embedding.{room}.layers")


def product_flops(shape: ModelShape, tokens: int) -> float:
    """Return what has weights of `ModelShape.flops`, but the projections that layer 1 looks up."""
    attended = attention_flops(shape, 1) / (4 * shape.layers)
    looked_up = 6.0 * shape.width * attended if shape.family in LOOKING_UP else 0.0
    return shape.flops(tokens, 0) - looked_up * tokens


def attention_flops(shape: ModelShape, tokens: int) -> float:
    """Return what has no weights: two products of tokens by tokens."""
    return shape.flops(0, tokens**2)


def row(model: str, precision: Precision) -> str:
    """Measure one row of the table."""
    seconds: defaultdict[str, float] = defaultdict(float)
    embedder, task = timed_embedder(model, precision, seconds)
    texts, alphabet = sequences_for(model, "cpu"), embedder.shape.alphabet
    plan = plan_batches([len(text) for text in texts], CPU_BATCH_TOKENS, alphabet)
    batches = [[texts[number] for number in batch] for batch in plan]
    embedder.embed(batches[0])
    seconds.clear()
    ceilings = []
    for _ in range(TURNS):
        batch_shape = (task.batch_tokens, embedder.shape.width)
        ceilings.append(
            product_rate(
                torch_device(task.device),
                precision,
                batch_shape,
                task.seconds / 2,
                time.perf_counter,
            )
        )
        began = time.perf_counter()
        for batch in batches:
            embedder.embed(batch)
        seconds[ALL] += time.perf_counter() - began
    ceiling = median(ceilings) * seconds[ALL]
    lengths = [alphabet.tokens(len(text)) for text in texts]
    with_weights = TURNS * sum(product_flops(embedder.shape, length) for length in lengths)
    pairs = TURNS * sum(attention_flops(embedder.shape, length) for length in lengths)
    products, attention = (seconds[part] / seconds[ALL] for part in (PRODUCTS, ATTENTION))
    cells = [
        f"{(with_weights + pairs) / ceiling:.0%}",
        f"{products:.0%}",
        f"{with_weights / ceiling / products:.0%}",
        f"{attention:.0%}",
        f"{pairs / ceiling / attention:.0%}",
        f"{1 - products - attention:.0%}",
    ]
    rate = TURNS * sum(map(len, texts)) / seconds[ALL]
    return f"{model:11}{precision:>6}{rate:>12,.0f}" + "".join(f"{cell:>11}" for cell in cells)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    options = parser.parse_args()
    keep_freed_memory()
    prepare_torch(1)
    heads = ("of ceiling", "products", "at", "attention", "at", "else")
    print(f"{'model':11}{'':>6}{'residues/s':>12}" + "".join(f"{head:>11}" for head in heads))
    for model in options.models:
        for precision in options.precisions:
            print(row(model, precision), flush=True)


if __name__ == "__main__":
    main()
