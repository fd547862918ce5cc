"""A batch that does not fit into memory, computed in parts down to single sequences."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from tui_balancer.process.heap import give_back_freed_memory
from tui_balancer.workers.task.failures import is_out_of_memory

Embed = Callable[[Sequence[str]], torch.Tensor]
"""Sequences in; float32 on the CPU out, of shape (sequences, width)."""


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """The result of a batch of N sequences.

    Attributes:
        vectors: float32 on the CPU, of shape (N − failed, width), in the batch's order.
        failed: Positions in the batch of the sequences that did not fit even alone.
        split: Whether it was computed in parts; that may change the last bits of a vector.
    """

    vectors: torch.Tensor
    failed: tuple[int, ...] = ()
    split: bool = False


def embed_sparingly(embed: Embed, sequences: Sequence[str]) -> EmbeddedBatch:
    """Embed a batch, recursively in halves if memory does not suffice.

    A sequence that does not fit alone is retried once with all caches freed, and then given up.
    The parts depend only on the batch and on which of them fit.

    Args:
        embed: Computes a batch or a part of it.
        sequences: The batch, not empty.

    Raises:
        Exception: Any error of `embed` that is not about memory.
    """
    whole = _tried(embed, sequences)
    if whole is not None:
        return EmbeddedBatch(whole)
    parts: list[torch.Tensor] = []
    failed: list[int] = []
    for start, vectors in _in_parts(embed, sequences, 0):
        if vectors is None:
            failed.append(start)
        else:
            parts.append(vectors)
    vectors = torch.cat(parts) if parts else torch.empty(0, 0)
    return EmbeddedBatch(vectors, tuple(failed), split=len(parts) + len(failed) > 1)


def _in_parts(
    embed: Embed, sequences: Sequence[str], start: int
) -> Iterator[tuple[int, torch.Tensor | None]]:
    """Yield the vectors of the parts of a batch that did not fit, each with its position.

    None stands for a single sequence that does not fit.
    """
    if len(sequences) == 1:
        yield start, _tried(embed, sequences)
        return
    middle = len(sequences) // 2
    for offset, half in ((0, sequences[:middle]), (middle, sequences[middle:])):
        vectors = _tried(embed, half)
        if vectors is None:
            yield from _in_parts(embed, half, start + offset)
        else:
            yield start + offset, vectors


def _tried(embed: Embed, sequences: Sequence[str]) -> torch.Tensor | None:
    """Embed, or free caches and return None if memory does not suffice."""
    try:
        return embed(sequences)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Only after the error is gone: its traceback keeps the tensors of the forward pass.
    free_caches()
    return None


def free_caches() -> None:
    """Release cached memory of torch and the C library."""
    gc.collect()
    torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
    give_back_freed_memory()
