"""What is kept of a long sequence, put together from its windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tui_balancer.outputs.content import Row
from tui_balancer.representations import Representations


def joined(
    kept: Representations, length: int, windows: Sequence[tuple[int, int]], rows: Sequence[Row]
) -> Row:
    """Return the row of a whole sequence.

    Of `mean` and `bos` the mean over the windows, each with the weight of its residues; a residue
    of `per_tok` is the mean over the windows that it is in. Computed in double precision.

    Args:
        kept: What is in the rows; no contacts.
        length: Residues of the sequence.
        windows: As `inputs.windows` has them.
        rows: Of each window.
    """
    result = np.zeros(kept.numbers(length))
    for part in kept.parts(length):
        whole = result[part.numbers].reshape(part.shape)
        weights = np.zeros((length, 1)) if part.kind == "per_tok" else np.zeros(1)
        for (start, end), row in zip(windows, rows, strict=True):
            piece = next(one for one in kept.parts(end - start) if one.name == part.name)
            values = row[piece.numbers].reshape(piece.shape)
            if part.kind == "per_tok":
                whole[start:end] += values
                weights[start:end] += 1
            else:
                whole += values * float(end - start)
                weights += end - start
        whole /= weights
    return result.astype(np.float32)
