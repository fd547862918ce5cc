"""What is odd about the records of a file: how many of each kind, and the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_balancer.inputs.suspects import Suspicion
from tui_balancer.notices import EXAMPLES, SUSPECT, NoticeKind

_SURE_BASES = 16
"""So many letters that are all bases are hardly a protein."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A record, or a line outside of records, that something was found in.

    Attributes:
        position: Of the record in its file, from 1; 0 where a line is meant.
        detail: What was found, where that is not clear from the kind.
        line: Number of that line, from 1; of a record it is not known yet.
    """

    position: int
    detail: str = ""
    line: int | None = None


class Findings:
    """Adds up what is found in a file; two are equal if they count and name the same."""

    def __init__(self) -> None:
        self.counts: dict[NoticeKind, int] = {}
        self._first: dict[NoticeKind, list[Spot]] = {}
        self._excusable: dict[NoticeKind, int] = {}
        self._short_letters = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Findings):
            return NotImplemented
        return (self.counts, self._first) == (other.counts, other._first)

    def add(self, kind: NoticeKind, position: int, detail: str = "", number: int = 1) -> None:
        """Add what was found in a record."""
        self._add(kind, Spot(position, detail), number)

    def add_all(self, kind: NoticeKind, positions: Sequence[int]) -> None:
        """Add one of a kind for each of these records."""
        for position in positions[:EXAMPLES]:
            self.add(kind, position)
        if more := positions[EXAMPLES:]:
            self.counts[kind] += len(more)

    def suspect(self, found: Suspicion, position: int) -> None:
        """Add what a record seems to be."""
        self.add(found.kind, position, found.detail)
        if found.excusable:
            self._excusable[found.kind] = self._excusable.get(found.kind, 0) + 1

    def short_nucleotides(self, letters: int, position: int) -> None:
        """Add a record that is DNA if most of the file's records are like that."""
        self.add(NoticeKind.SHORT_NUCLEOTIDES, position)
        self._short_letters += letters

    def excuse(self, sequences: int) -> None:
        """Take back what is a protein after all, as the file's other sequences tell.

        That is what all of them are like, and short DNA that too few of them are like.
        """
        short = self.counts.get(NoticeKind.SHORT_NUCLEOTIDES, 0)
        if short and (2 * short < sequences or self._short_letters < _SURE_BASES):
            del self.counts[NoticeKind.SHORT_NUCLEOTIDES], self._first[NoticeKind.SHORT_NUCLEOTIDES]
        for kind in [kind for kind, number in self._excusable.items() if number == sequences]:
            del self.counts[kind], self._first[kind], self._excusable[kind]

    def suspects(self) -> list[tuple[int, NoticeKind]]:
        """Return first records that may be no sequence, in file order."""
        return sorted((spot.position, kind) for kind in SUSPECT for spot in self.first(kind))

    def add_line(self, kind: NoticeKind, line: int, detail: str = "") -> None:
        """Add what was found in a line."""
        self._add(kind, Spot(0, detail, line), 1)

    def _add(self, kind: NoticeKind, spot: Spot, number: int) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + number
        first = self._first.setdefault(kind, [])
        if len(first) < EXAMPLES:
            first.append(spot)

    def first(self, kind: NoticeKind) -> tuple[Spot, ...]:
        """Return the first records of a kind."""
        return tuple(self._first.get(kind, ()))
