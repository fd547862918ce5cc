"""The ids of a file's records: the first words of their headers, made distinct.

An id has no whitespace, since it is a word, and no NUL, since a header with one is refused: every
output format reads back such an id exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NUL = "\0"
"""Numpy drops one at the end of an id, HDF5 refuses it, and so does Python 3.10's `csv`."""

_ID = re.compile(r"[^\s\x01]+")
"""NCBI's nr puts \\x01 between the titles of equal proteins."""


def id_of(title: str, position: int) -> str:
    """Return the id of a record; of one without a word in its header, `sequence_7`.

    Args:
        title: The header without the `>`.
        position: Of the record in the file, from 1.
    """
    word = _ID.search(title)
    return word.group() if word else f"sequence_{position}"


def distinct(ids: Sequence[str], empty: Sequence[bool] = ()) -> list[str]:
    """Return the ids of a file's records made distinct: the second `id` becomes `id_2`.

    A suffixed id never takes one that stands in the file, before or after.

    Args:
        ids: In file order.
        empty: Whether each record is without residues; these are named after all others.
    """
    taken = set(ids)
    seen: dict[str, int] = {}
    names = list(ids)
    for place in sorted(range(len(ids)), key=empty.__getitem__) if empty else range(len(ids)):
        record_id = ids[place]
        count = seen.get(record_id, 0) + 1
        seen[record_id] = count
        if count == 1:
            continue
        while (suffixed := f"{record_id}_{count}") in taken:
            count += 1
        seen[record_id] = count
        names[place] = suffixed
    return names


def numbered(position: int, record_id: str) -> str:
    """Return a key that identifies a record in its file, independent of where reading starts.

    Args:
        position: Of the record in the file, from 1.
        record_id: As it is in the file, thus not always distinct.
    """
    return f"{position} {record_id}"


def taken_apart(name: str) -> tuple[int, str]:
    """Return position and id of a record, as `numbered` has put them together."""
    position, _, record_id = name.partition(" ")
    return int(position), record_id
