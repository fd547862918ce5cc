"""Host memory of CPU workers: estimates it. Imports no torch."""

from __future__ import annotations

import resource
from typing import Final

import psutil

from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.formatting import memory

LIMITS: Final = ((resource.RLIMIT_AS, "-v"), (resource.RLIMIT_DATA, "-d"))
"""Limits on the memory of a process, with their options of `ulimit`."""

_PROCESS_BYTES = 300 << 20
"""Bytes of Python with torch loaded."""

_FLOAT_BYTES = 4
_SCORE_COPIES = 3
"""Copies of the attention scores in fair-esm's forward pass: product, softmax, scratch."""

_STATE_COPIES = 16
"""Activations of the model's width alive at once, including the feed-forward's fourfold ones."""

_PACKED_STATE_COPIES = 36
"""The same in the packed forward pass, as measured: its attention writes no scores, but freed
blocks of many sizes stay."""


def cpu_worker_bytes(shape: ModelShape, settings: EmbeddingSettings) -> int:
    """Return the approximate maximum bytes of one CPU worker: process, weights, largest batch.

    The packed forward holds activations alone, a multiple of the T tokens of a batch, and in
    half precision a second copy of the weights. fair-esm's own holds the attention scores too:
    with L tokens in a row and h heads `T·L·h` numbers, which outweigh a small model many times.
    """
    longest = shape.alphabet.tokens(settings.max_length)
    tokens = max(settings.batch_tokens, longest)
    kept = settings.representations(shape.layers, shape.width)
    # The kept part of a batch exists twice: gathered and concatenated.
    rows = 2 * sum(map(kept.numbers, [longest] * (tokens // longest))) if not kept.fixed else 0
    if kept.attention and not settings.reference:
        rows += _SCORE_COPIES * shape.heads * longest**2
    weights = shape.weights
    if settings.reference:
        scores = _SCORE_COPIES * tokens * longest * shape.heads
        states = _STATE_COPIES * tokens * shape.width
        if kept.attention:
            # Its forward pass keeps the maps of all layers, and copies of them.
            scores *= shape.layers
        return _PROCESS_BYTES + _FLOAT_BYTES * (weights + scores + states + rows)
    if settings.precision != "fp32":
        weights += weights // 2
    states = _PACKED_STATE_COPIES * tokens * shape.activation_width
    return _PROCESS_BYTES + _FLOAT_BYTES * (weights + states + rows)


def limit_note() -> str:
    """Return the memory limit of this process, as the end of a reason.

    It starts with a semicolon; empty if only the machine's memory limits it.
    """
    for number, option in LIMITS:
        limit, _ = resource.getrlimit(number)
        if limit != resource.RLIM_INFINITY and limit < psutil.virtual_memory().total:
            return f"; `ulimit {option}` allows a process {memory(limit)}"
    return ""
