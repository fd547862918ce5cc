"""The models that are measured, and the sequences they embed. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from tests.benchmarks.forward_contenders import MODELS as COMPARED
from tests.benchmarks.forward_contenders import SEED, sequences
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.models import ModelShape, ModelSource

MODELS = {**COMPARED, "3B": "esm2_t36_3B_UR50D"}
"""Names of published models, by those of the table."""

QUICK_LAYERS = 2

SHORTEST = 30
"""Residues of the shortest sequence that is made."""


def source_of(model: str, quick: bool) -> ModelSource:
    """Return a model with random weights; a quick one has few layers."""
    source = UntrainedModel(MODELS[model], SEED).source()
    if not quick:
        return source
    shape = replace(source.shape, layers=QUICK_LAYERS)
    return replace(source, name=f"{source.name}-cut", shape=shape)


@cache
def texts_of(shape: ModelShape, tokens: int) -> Sequence[str]:
    """Return sequences of at least so many tokens in all, none of them twice."""
    texts: list[str] = []
    there = 0
    for text in sequences(1 + tokens // SHORTEST):
        if there >= tokens:
            break
        texts.append(text)
        there += shape.alphabet.tokens(len(text))
    return texts
