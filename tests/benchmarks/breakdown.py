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
from statistics import median
from typing import Any
from unittest.mock import patch

from tests.benchmarks.forward_contenders import MODELS, ON_A_PROCESSOR, sequences
from tui_balancer.alphabets import PROTEIN
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.embedder import Embedder, prepare_torch, torch_device
from tui_balancer.embedding.fairesm import layers
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.forward.attention import choose_attention
from tui_balancer.embedding.forward.products import choose_products
from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS
from tui_balancer.workers.benchmark.measure import product_rate
from tui_balancer.workers.benchmark.messages import BenchmarkTask
from tui_balancer.workers.process.memory import keep_freed_memory

PRODUCTS, ATTENTION, ALL = "products", "attention", "all"
TURNS = 5


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
    products, attention = choose_products, choose_attention

    def timed_attention(*place: Any) -> Callable[[Any], Timed]:
        make = attention(*place)
        return lambda batch: Timed(make(batch), ATTENTION, seconds)

    with (
        patch.object(layers, "choose_attention", timed_attention),
        patch.object(
            layers, "choose_products", lambda *place: Timed(products(*place), PRODUCTS, seconds)
        ),
    ):
        settings = EmbeddingSettings(batch_tokens=CPU_BATCH_TOKENS, precision=precision)
        return Embedder(load(source), task.device, settings), task


def product_flops(shape: ModelShape, tokens: int) -> float:
    """Return what has weights of `ModelShape.flops`, but the projections that layer 1 looks up."""
    looked_up = 6.0 if shape.family == "esm2" else 0.0
    return (24.0 * shape.layers - looked_up) * shape.width**2 * tokens


def attention_flops(shape: ModelShape, tokens: int) -> float:
    """Return what has no weights: two products of tokens by tokens."""
    return shape.layers * 4.0 * shape.width * tokens**2


def row(model: str, precision: Precision) -> str:
    """Measure one row of the table."""
    seconds: defaultdict[str, float] = defaultdict(float)
    embedder, task = timed_embedder(model, precision, seconds)
    texts = sequences(ON_A_PROCESSOR[model])
    plan = plan_batches([len(text) for text in texts], CPU_BATCH_TOKENS, PROTEIN)
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
    lengths = [PROTEIN.tokens(len(text)) for text in texts]
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
    return f"{model:8}{precision:>6}{rate:>12,.0f}" + "".join(f"{cell:>11}" for cell in cells)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    options = parser.parse_args()
    keep_freed_memory()
    prepare_torch(1)
    heads = ("of ceiling", "products", "at", "attention", "at", "else")
    print(f"{'model':8}{'':>6}{'residues/s':>12}" + "".join(f"{head:>11}" for head in heads))
    for model in options.models:
        for precision in options.precisions:
            print(row(model, precision), flush=True)


if __name__ == "__main__":
    main()
