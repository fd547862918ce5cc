"""Which sequences go through the model together. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.alphabets import Alphabet


def plan_batches(
    lengths: Sequence[int], batch_tokens: int, alphabet: Alphabet
) -> tuple[tuple[int, ...], ...]:
    """Divide sequences into batches, longest first, as a function of the arguments alone.

    Sorting brings equal lengths together, so that little is padded; beginning with the
    longest shows at once whether memory suffices.

    Args:
        lengths: Residues of each sequence, in input order.
        batch_tokens: Tokens of a batch at most, padding and special tokens included; a sequence
            that alone has more is its own batch.
        alphabet: Tells the tokens of a sequence, see `Alphabet.tokens`.

    Returns:
        The batches as positions in `lengths`; every position occurs exactly once.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batches: list[tuple[int, ...]] = []
    start = 0
    while start < len(order):
        rows = max(1, batch_tokens // alphabet.tokens(lengths[order[start]]))
        batches.append(tuple(order[start : start + rows]))
        start += rows
    return tuple(batches)
