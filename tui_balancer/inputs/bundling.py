"""Which small files are embedded together, so that batches are full."""

from __future__ import annotations

from collections.abc import Sequence

BUNDLE_BATCHES = 8
"""Batches in a bundle, about. All but the last one are full; with half as many, what is missing in
the last ones and the hand-over took some hundredths of the time. And a bundle is still small enough
to be balanced, at most as much work as a file of so many batches.
"""


def bundle_files(tokens: Sequence[int], batch_tokens: int) -> tuple[int, ...]:
    """Put files that hold less than a batch into bundles of some batches.

    Small files join in their order, whatever larger ones lie between them. The result is a
    function of the arguments alone, and so are the batches of a bundle.

    Args:
        tokens: Of each file; 0 for one that cannot be used, which stays alone.
        batch_tokens: Tokens of a batch, at most.

    Returns:
        For each file the position of the first file of its bundle; its own if it stays alone.
    """
    firsts = list(range(len(tokens)))
    first, gathered = 0, 0
    for position, count in enumerate(tokens):
        if not 0 < count < batch_tokens:
            continue
        if gathered == 0:
            first = position
        firsts[position] = first
        gathered += count
        if gathered >= BUNDLE_BATCHES * batch_tokens:
            gathered = 0
    return tuple(firsts)
