"""What the records of a file are called: no two of them the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def distinct(ids: Sequence[str]) -> Iterator[str]:
    """Yield the ids of a file's records made distinct: the second `id` becomes `id_2`.

    A suffixed id never takes one that stands in the file, before or after.
    """
    taken = set(ids)
    seen: dict[str, int] = {}
    for record_id in ids:
        count = seen.get(record_id, 0) + 1
        seen[record_id] = count
        if count == 1:
            yield record_id
            continue
        while (suffixed := f"{record_id}_{count}") in taken:
            count += 1
        seen[record_id] = count
        yield suffixed


def numbered(position: int, record_id: str) -> str:
    """Return what tells a record from all others of its file, wherever one begins to read.

    Args:
        position: Of the record in the file, from 1.
        record_id: As it is in the file, thus not always distinct.
    """
    return f"{position} {record_id}"


def taken_apart(name: str) -> tuple[int, str]:
    """Return position and id of a record, as `numbered` has put them together."""
    position, _, record_id = name.partition(" ")
    return int(position), record_id
