"""The keys of a run's sequences in its merged files: ids, with their input's place where needed."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_balancer.ledger.records import FileRow
from tui_balancer.outputs.formats import INDEX
from tui_balancer.outputs.provenance import utf8_name

if TYPE_CHECKING:
    import numpy.typing as npt

    from tui_balancer.outputs.content import Entry

    Hashes = npt.NDArray[Any]


class MergedKeys:
    """The indices of all outputs, in order, with keys that no two sequences have.

    A key is the id, or the place of its input, a colon and the id, `folder/sample:P1`. That is so
    for an id that several inputs have, and then for one that is equal to such a key, until all keys
    are distinct; those with a place always are, since a place has no colon. So the keys follow from
    the ids and their places alone.

    Reads the indices as often as it needs to, and holds 8 bytes a sequence while it decides.
    """

    def __init__(self, folder: Path, rows: Sequence[FileRow], mark: str) -> None:
        """Decide the keys.

        Args:
            folder: The run folder.
            rows: Its finished files.
            mark: In the names of their outputs.

        Raises:
            UserError: An index cannot be read.
        """
        import numpy as np

        self._folder, self._rows, self._mark = folder, rows, mark
        self._placed: Hashes = np.empty(0, np.uint64)
        while len(found := self._colliding()):
            self._placed = np.union1d(self._placed, found)

    def entries(self) -> Iterator[tuple[Entry, str]]:
        """Yield the sequences, with their keys as ids, and the checksums of their vectors."""
        for row, entry, found in self._lines():
            source = utf8_name(row.file.full_name)
            yield replace(entry, id=self._key(row, entry.id), source=source), found

    def _colliding(self) -> Hashes:
        """Return the hashes of ids that are keys, but not of their sequences alone."""
        import numpy as np

        repeated = repeated_hashes(self._key(row, entry.id) for row, entry, _ in self._lines())
        if not len(repeated) or not len(self._placed):
            return repeated
        ids = (entry.id for _, entry, _ in self._lines())
        found = {hash_of(id) for id in ids if contains(repeated, id)}
        return np.setdiff1d(np.array([*found], np.uint64), self._placed)

    def _key(self, row: FileRow, id: str) -> str:
        return f"{_place(row.file.output, self._mark)}:{id}" if contains(self._placed, id) else id

    def _lines(self) -> Iterator[tuple[FileRow, Entry, str]]:
        from tui_balancer.outputs.index import read_index

        for row in self._rows:
            index = (self._folder / row.file.output).with_suffix(INDEX.suffix)
            for entry, found in read_index(index):
                yield row, entry, found


def hash_of(id: str) -> int:
    """Return 8 bytes that stand for an id; others may have them too, though hardly any do."""
    return int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest(), "little")


def repeated_hashes(ids: Iterable[str]) -> Hashes:
    """Return the hashes that occur several times, in order; holds 8 bytes an id."""
    import numpy as np

    hashes = array("Q", map(hash_of, ids))
    ordered = np.sort(np.frombuffer(hashes, np.uint64)) if hashes else np.empty(0, np.uint64)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def contains(hashes: Hashes, id: str) -> bool:
    """Whether the hash of an id is among some that are in order."""
    wanted = hashes.dtype.type(hash_of(id))
    place = int(hashes.searchsorted(wanted))
    return place < len(hashes) and bool(hashes[place] == wanted)


def _place(output: str, mark: str) -> str:
    """Return the place of an output's input in the run; it has no colon, as a key's end may."""
    return output.rpartition(mark)[0].replace("%", "%25").replace(":", "%3A")
