"""Which sequences go through the model together. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

MARKERS = 2
"""Tokens that stand around every sequence: BOS and EOS."""


def plan_batches(lengths: Sequence[int], batch_tokens: int) -> tuple[tuple[int, ...], ...]:
    """Divide sequences into batches, longest first, as a function of the arguments alone.

    Sorting brings equal lengths together, so that little is padded; beginning with the
    longest shows at once whether memory suffices.

    Args:
        lengths: Residues of each sequence, in input order.
        batch_tokens: Tokens of a batch at most, padding, BOS and EOS included; a sequence
            that alone has more is a batch of its own.

    Returns:
        The batches as positions in `lengths`; every position occurs exactly once.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batches: list[tuple[int, ...]] = []
    start = 0
    while start < len(order):
        rows = max(1, batch_tokens // (lengths[order[start]] + MARKERS))
        batches.append(tuple(order[start : start + rows]))
        start += rows
    return tuple(batches)
