"""The pieces of a unit for the model: every sequence once, long ones in windows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.windows import pieces


class UnitPieces:
    """The pieces of a unit's records; each has a number, its row.

    A piece is a whole sequence, or a window of a long one. Pieces with the same residues are one,
    unless every copy is computed; pieces in different segments of a file stay separate, unless
    units share them.

    Attributes:
        texts: The residues of each piece.
        segments: First piece of each segment; 0 for a unit without segments.
    """

    def __init__(
        self,
        records: Sequence[ProteinRecord],
        rules: ReadingRules,
        *,
        dereplicate: bool,
        segments: Sequence[int] = (),
        common: Collection[str] = (),
    ) -> None:
        """Number the pieces.

        Args:
            records: All records of the unit, in order of files.
            rules: How long sequences are divided.
            dereplicate: Whether pieces with the same residues are one.
            segments: First record of each segment, starting with 0; empty for a unit without
                segments.
            common: Residues that several units or segments share.
        """
        self._records = records
        self.texts: list[str] = []
        self.segments: list[int] = [] if segments else [0]
        self._rows: list[int | tuple[int, ...]] = []
        self._first_user: list[int] = []
        self._other_users: dict[int, list[int]] = {}
        known: dict[str, int] = {}
        begins = set(segments)
        for number, record in enumerate(records):
            if number in begins:
                self.segments.append(len(self.texts))
                known = {text: row for text, row in known.items() if text in common}
            rows: list[int] = []
            for text in pieces(record.residues, rules):
                row = known.get(text) if dereplicate else None
                if row is None:
                    row = len(self.texts)
                    self.texts.append(text)
                    if dereplicate:
                        known[text] = row
                    self._first_user.append(number)
                elif row not in rows:
                    self._other_users.setdefault(row, []).append(number)
                rows.append(row)
            self._rows.append(rows[0] if len(rows) == 1 else tuple(rows))

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, record: int) -> tuple[int, ...]:
        """Return the pieces of a record, in order of residues."""
        rows = self._rows[record]
        return (rows,) if isinstance(rows, int) else rows

    def users(self, row: int) -> Iterator[int]:
        """Yield the records of a piece."""
        yield self._first_user[row]
        yield from self._other_users.get(row, ())

    def begun_by(self, row: int) -> Iterator[int]:
        """Yield the records whose first piece this is."""
        return (record for record in self.users(row) if self.rows(record)[0] == row)

    def label(self, row: int) -> str:
        """Return the unique label of a piece within the unit."""
        first = self._first_user[row]
        place = self.rows(first).index(row)
        return f"{self._records[first].id}#{place}" if place else self._records[first].id
