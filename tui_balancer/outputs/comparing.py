"""Compares an output with an index of its sequences and vectors. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

import numpy as np

from tui_balancer.errors import UserError
from tui_balancer.outputs.formats import Format, reader
from tui_balancer.outputs.index import checksum


def refuse_other_vectors(one: Format, path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Check that an output has the vectors of an index, in order and finite.

    Args:
        one: Its format.
        rows: Id and checksum of each sequence with a checksum in the index.

    Raises:
        UserError: It differs.
    """
    stored = reader(one).read(path)
    vectors = iter(stored.vectors())
    for id, row in zip_longest(stored.ids, rows):
        if row is None or id != row[0]:
            raise UserError(f"{path.name} has other sequences than its index")
        vector = next(vectors, None)
        if vector is None:
            raise UserError(f"{path.name} has fewer vectors than sequences")
        if not np.isfinite(vector).all():
            raise UserError(f"{path.name}: the vector of {id} is not finite")
        if checksum(vector) != row[1]:
            raise UserError(f"{path.name}: the vector of {id} is not the one of the index")
    if next(vectors, None) is not None:
        raise UserError(f"{path.name} has more vectors than sequences")
