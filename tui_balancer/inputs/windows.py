"""Where the windows of long sequences lie. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from tui_balancer.inputs.records import ReadingRules

OVERLAP_SHARE = 4
"""Neighbouring windows have at least this part of a window in common: a fourth."""


def windows(length: int, max_length: int) -> tuple[tuple[int, int], ...]:
    """Return the windows of a sequence as `start <= residue < end`; one where it is short enough.

    As few as cover it with an overlap of at least `max_length // 4`. Each has `max_length`
    residues, so that every residue has as much company as can be, and their starts are spread
    evenly.

    Args:
        length: Residues of the sequence.
    """
    if length <= max_length:
        return ((0, length),)
    rest = length - max_length
    steps = ceil(rest / (max_length - max_length // OVERLAP_SHARE))
    starts = [number * rest // steps for number in range(steps + 1)]
    return tuple((start, start + max_length) for start in starts)


def pieces(residues: str, rules: ReadingRules) -> Iterator[str]:
    """Yield what of a sequence goes through the model: all of it, or its windows."""
    if rules.long != "window" or len(residues) <= rules.max_length:
        yield residues
        return
    for start, end in windows(len(residues), rules.max_length):
        yield residues[start:end]
