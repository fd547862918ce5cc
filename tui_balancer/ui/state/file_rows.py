"""Filters and sorts the table of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from tui_balancer.formatting import listed
from tui_balancer.scheduler.model import Unit
from tui_balancer.ui.state.file_filter import FileFilter
from tui_balancer.ui.state.file_table import FileState, FileTable

Numbers = NDArray[np.intp]

SORTS: Final = ("order", "file", "state", "sequences", "residues", "cost", "ends")
"""Sort keys; `order` is the order of work, device by device."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of the list of files; fields as in `FileTable`."""

    unit: Unit
    state: FileState
    device: str
    position: int
    ends: float | None
    took: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which files are shown.

    Attributes:
        states: Show only files in these states; empty for all.
        devices: Show only files that wait for, run on, or ended on these; empty for all.
        words: Show only files that `NameSearch` finds by these; in lower case.
        sort: One of `SORTS`.
        backwards: Whether the order is reversed.
    """

    states: tuple[FileState, ...] = ()
    devices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    sort: str = "order"
    backwards: bool = False

    def sorted_by(self, sort: str) -> Choice:
        """Return a copy sorted by this key; reversed if it was sorted by it already."""
        return replace(self, sort=sort, backwards=self.sort == sort and not self.backwards)

    def narrowed(self, before: FileFilter, now: FileFilter) -> Choice:
        """Return a copy with a new filter.

        States and devices that were selected elsewhere stay until the filter names others; those
        that it no longer names are dropped.
        """
        states = now.states or (() if before.states else self.states)
        devices = now.devices or (() if before.devices else self.devices)
        return replace(self, states=states, devices=devices, words=now.words)

    def parts(self, *, loose: bool) -> list[str]:
        """Return a description of the selection; `loose` as in `NameSearch`."""
        how = "like " if loose else ""
        return [
            *([listed([state.word for state in self.states], 3)] if self.states else []),
            *([listed(self.devices, 2)] if self.devices else []),
            *(f"{how}“{word}”" for word in self.words),
        ]


class NameSearch:
    """Finds files by name, ignoring case.

    Finds names that contain all words; if there are none, names with the letters of each word in
    order: `ctg12` finds `contigs_0012`. Nothing is ranked, so 100,000 names take no longer than a
    key press.

    Attributes:
        loose: Whether the last search matched letters in order, not words.
    """

    def __init__(self) -> None:
        self.loose = False
        self._units: Sequence[Unit] = ()
        self._names: list[str] = []
        self._words: tuple[str, ...] = ()
        self._found: Numbers = np.empty(0, np.intp)

    def __call__(self, units: Sequence[Unit], words: tuple[str, ...]) -> Numbers:
        """Return the numbers of the matching files, in order."""
        if units is not self._units:
            self._units, self._names, self._words = units, [unit.name.lower() for unit in units], ()
        if words != self._words:
            found = self._narrowed([re.compile(re.escape(word)).search for word in words])
            self.loose = not found
            if self.loose:
                found = self._narrowed([_letters(word).match for word in words])
            self._words, self._found = words, np.array(found, np.intp)
        return self._found

    def _narrowed(self, tests: Iterable[Callable[[str], object]]) -> Sequence[int]:
        found: Sequence[int] = range(len(self._names))
        for test in tests:
            found = [number for number in found if test(self._names[number])]
        return found


def _letters(word: str) -> re.Pattern[str]:
    """Return a pattern for the letters of a word in order; it never backtracks."""
    return re.compile("".join(f"[^{re.escape(one)}]*{re.escape(one)}" for one in word))


def chosen(table: FileTable, choice: Choice, search: NameSearch) -> Numbers:
    """Return the numbers of the files that are shown, in their order."""
    numbers = search(table.units, choice.words) if choice.words else np.arange(len(table))
    if choice.states:
        numbers = numbers[_among(table.state[numbers], choice.states)]
    if choice.devices:
        places = [place for place, one in enumerate(table.devices) if one in choice.devices]
        numbers = numbers[_among(table.device[numbers], places)]
    keys = _keys(table, numbers, choice.sort)
    if keys is not None:
        numbers = numbers[np.argsort(keys, kind="stable")]
    return numbers[::-1] if choice.backwards else numbers


def _among(values: NDArray[np.integer[Any]], wanted: Sequence[int]) -> NDArray[np.bool_]:
    # One comparison per value: `isin` sorts if there are more than a few.
    found = np.zeros(len(values), np.bool_)
    for one in wanted:
        found |= values == one
    return found


def _keys(table: FileTable, numbers: Numbers, sort: str) -> NDArray[np.generic] | None:
    if sort == "order":
        # One integer key: state, then device, then position in its queue.
        keys = table.state[numbers].astype(np.int64) << 48
        waits = table.state[numbers] <= FileState.WAITING
        keys += np.where(waits, (table.device[numbers].astype(np.int64) + 1) << 32, 0)
        return keys + table.position[numbers]
    if sort == "state":
        return table.state[numbers]
    if sort in ("sequences", "residues", "cost"):
        # The largest come first.
        column: NDArray[np.generic] = -table.amounts[sort][numbers]
        return column
    if sort == "ends":
        # Files without a finish time come last, in any order.
        return np.where(np.isnan(table.ends[numbers]), np.inf, table.ends[numbers])
    return None


class FileRows(Sequence[FileRow]):
    """Rows that are made on access.

    Args:
        table: All files.
        numbers: Those that are shown, in their order.
    """

    def __init__(self, table: FileTable, numbers: Numbers) -> None:
        self._table = table
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> FileRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FileRow]: ...

    def __getitem__(self, index: int | slice) -> FileRow | Sequence[FileRow]:
        if isinstance(index, slice):
            return FileRows(self._table, self.numbers[index])
        return file_row(self._table, int(self.numbers[index]))

    def __iter__(self) -> Iterator[FileRow]:
        return (file_row(self._table, int(number)) for number in self.numbers)

    def find(self, unit_id: int) -> int | None:
        """Return the index of a file, or None if it is not shown."""
        (places,) = np.nonzero(self.numbers == unit_id)
        return int(places[0]) if len(places) else None


def file_row(table: FileTable, number: int) -> FileRow:
    """Return a file's row."""
    device = int(table.device[number])
    ends, took = float(table.ends[number]), float(table.took[number])
    return FileRow(
        table.units[number],
        FileState(int(table.state[number])),
        table.devices[device] if device >= 0 else "",
        int(table.position[number]),
        None if np.isnan(ends) else ends,
        None if np.isnan(took) else took,
        table.reasons.get(number, ""),
    )
