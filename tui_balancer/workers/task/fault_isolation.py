"""Finds the file that makes a batch of several files fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch

from tui_balancer.representations import Representations
from tui_balancer.workers.task.failures import FileFailure, blaming_the_file
from tui_balancer.workers.task.oom import Embed, EmbeddedBatch, embed_sparingly


def embed_or_blame(
    embed: Embed,
    sequences: Sequence[str],
    users: Sequence[frozenset[int]],
    kept: Representations,
) -> tuple[EmbeddedBatch, dict[int, FileFailure]]:
    """Embed a batch; if it fails, embed each file's part alone to find the faulty one.

    A batch that memory is too small for is no failure, see `embed_sparingly`.

    Args:
        embed: Computes a batch or a part of it.
        sequences: The batch, not empty.
        users: The numbers of the files that have each sequence.
        kept: What is kept of a sequence.

    Returns:
        The result of the batch, and the reasons of files that fail.

    Raises:
        RuntimeError: The device failed, see `blaming_the_file`.
    """
    shares = defaultdict[frozenset[int], list[int]](list)
    for position, files in enumerate(users):
        shares[files].append(position)
    try:
        return _embedded(embed, sequences), {}
    except FileFailure as failure:
        if len(shares) == 1:
            return _nothing(len(sequences)), dict.fromkeys(users[0], failure)
    failures: dict[int, FileFailure] = {}
    parts: dict[int, torch.Tensor] = {}
    for files, positions in shares.items():
        try:
            share = _embedded(embed, [sequences[position] for position in positions])
        except FileFailure as failure:
            failures.update(dict.fromkeys(files, failure))
        else:
            computed = [one for n, one in enumerate(positions) if n not in share.failed]
            sizes = [kept.numbers(len(sequences[one])) for one in computed]
            rows = torch.split(share.vectors.reshape(-1), sizes)
            parts.update(zip(computed, rows, strict=True))
    if not parts:
        return _nothing(len(sequences)), failures
    vectors = torch.cat([parts[position] for position in sorted(parts)])
    failed = tuple(position for position in range(len(sequences)) if position not in parts)
    return EmbeddedBatch(vectors, failed, split=True), failures


def _embedded(embed: Embed, sequences: Sequence[str]) -> EmbeddedBatch:
    with blaming_the_file("embed it"):
        return embed_sparingly(embed, sequences)


def _nothing(sequences: int) -> EmbeddedBatch:
    """Return a batch of which every sequence failed."""
    return EmbeddedBatch(torch.empty(0, 0), tuple(range(sequences)))
