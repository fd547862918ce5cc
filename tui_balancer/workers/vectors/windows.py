"""What is kept of a long sequence, put together from its windows."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.embedding.kinds.modules import module_of
from tui_balancer.outputs.content import Row, as_row
from tui_balancer.representations import Representations


def joined(
    kept: Representations, length: int, windows: Sequence[tuple[int, int]], rows: Sequence[Row]
) -> Row:
    """Return the row of a whole sequence; kind by kind, see its `join`.

    Args:
        kept: What is in the rows; all of it can be joined.
        length: Residues of the sequence.
        windows: As `inputs.windows` has them.
        rows: Of each window.
    """
    pieces = [
        [row[part.numbers].reshape(part.shape) for part in kept.parts(end - start)]
        for (start, end), row in zip(windows, rows, strict=True)
    ]
    parts = zip(kept.parts(length), *pieces, strict=True)
    return as_row(module_of(part.kind).join(windows, values) for part, *values in parts)
