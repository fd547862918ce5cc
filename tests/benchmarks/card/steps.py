"""What is measured, the most important first, each in a process of its own. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.benchmarks.card.context import Context
from tests.benchmarks.card.models import source_of

WEIGHTS = "weights"
"""Makes the random weights of all models meanwhile; not a step of its own."""


@dataclass(frozen=True)
class Step:
    """A process that measures.

    Attributes:
        name: On the command line.
        seconds: Estimate for a card like an H100, with the start; no card has borne it out. The
            step is skipped where less time is left, and ended after twice as much.
        run: Measures.
        model: Which it measures; empty where that is not one model.
        shares_weights: Whether its weights are made meanwhile.
    """

    name: str
    seconds: float
    run: Callable[[Context], None]
    model: str = ""
    shares_weights: bool = False


def _rates(context: Context) -> None:
    from tests.benchmarks.card.rates import measure

    measure(context)


def _passes(context: Context, model: str, *, in_float32: bool = False) -> None:
    from tests.benchmarks.card.passes import measure

    measure(context, model, in_float32=in_float32)


def _compiled(context: Context, model: str) -> None:
    from tests.benchmarks.card.passes import measure_compiled

    measure_compiled(context, model)


def _workers(context: Context, model: str) -> None:
    from tests.benchmarks.card.workers import compare

    compare(context, model)


def _tests(context: Context) -> None:
    from tests.benchmarks.card.workers import run_tests

    run_tests(context)


def _of_model(
    kind: str, model: str, seconds: float, run: Callable[..., None], **options: bool
) -> Step:
    # `bench` makes its own weights, as for a person.
    shared = run is not _workers
    return Step(f"{kind}-{model}", seconds, partial(run, model=model, **options), model, shared)


STEPS = (
    Step("rates", 25, _rates),
    _of_model("passes", "650M", 75, _passes, in_float32=True),
    _of_model("passes", "8M", 40, _passes),
    _of_model("passes", "3B", 75, _passes),
    _of_model("workers", "8M", 45, _workers),
    _of_model("passes", "35M", 30, _passes),
    _of_model("passes", "150M", 35, _passes),
    _of_model("passes", "ESMC-600M", 30, _passes),
    _of_model("passes", "ProtT5-XL", 45, _passes),
    Step("tests", 110, _tests),
    _of_model("compiled", "650M", 100, _compiled),
    _of_model("workers", "35M", 45, _workers),
    _of_model("passes", "ESMC-300M", 30, _passes),
    _of_model("compiled", "8M", 40, _compiled),
    _of_model("workers", "150M", 50, _workers),
    _of_model("workers", "650M", 70, _workers),
    _of_model("compiled", "35M", 50, _compiled),
    _of_model("compiled", "150M", 100, _compiled),
)

QUICK = ("rates", "passes-8M", "passes-ESMC-300M", "workers-8M", "tests")


def make_weights(context: Context, models: list[str]) -> None:
    """Make random weights in the folder where the measuring processes look for them."""
    from tui_balancer.embedding.embedder import prepare_torch
    from tui_balancer.embedding.families.code import load

    prepare_torch(1)
    for model in models:
        load(source_of(model, context.quick), context.scratch)
