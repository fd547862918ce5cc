"""The batches of a unit, determined by its records, the settings and the shared blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, pairwise

from tui_balancer.alphabets import Alphabet
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.workers.vectors.pieces import UnitPieces
from tui_balancer.workers.vectors.shared_blocks import SharedBlocks


def first_batch(
    records: Sequence[ProteinRecord],
    rules: ReadingRules,
    batch_tokens: int,
    *,
    dereplicate: bool = True,
    shared: SharedBlocks | None = None,
) -> tuple[list[str], ...]:
    """Return the first batch of a unit; none if it depends on other units."""
    texts = UnitPieces(records, rules, dereplicate=dereplicate).texts
    if shared is not None and shared.find(texts):
        return ()
    batches = plan_batches([len(text) for text in texts], batch_tokens, rules.alphabet)
    return tuple([texts[row] for row in batch] for batch in batches[:1])


class UnitPlan:
    """A unit's batches: first the shared blocks with its pieces, then those of its other pieces.

    For a large file, in order of segments.

    A row is the number of a piece, see `UnitPieces`; pieces of a block outside the unit have the
    numbers after it.

    Attributes:
        batches: Rows of each batch.
        blocks: Numbers of the shared blocks, in the order of their batches.
    """

    def __init__(
        self,
        pieces: UnitPieces,
        batch_tokens: int,
        alphabet: Alphabet,
        shared: SharedBlocks | None = None,
        stored: Collection[int] = (),
    ) -> None:
        """Divide the pieces into batches, see `plan_batches`.

        Args:
            batch_tokens: Maximum tokens of a batch.
            alphabet: Tells the tokens of a piece.
            shared: Blocks shared with other units.
            stored: Rows that need no batch.
        """
        self.pieces = pieces
        self.blocks: list[int] = []
        self._foreign: list[str] = []
        self._shared = shared
        texts = pieces.texts
        elsewhere = set(stored)
        planned: list[tuple[int, ...]] = []
        for block, found in (shared.find(texts) if shared is not None else {}).items():
            # A stored piece of a block is not one of this unit's.
            rows = {piece: row for piece, row in found.items() if row not in stored}
            if not rows:
                continue
            self.blocks.append(block)
            elsewhere.update(rows.values())
            planned.append(self._block(block, rows))
        for begin, end in pairwise((*pieces.segments, len(texts))):
            own = [row for row in range(begin, end) if row not in elsewhere]
            lengths = [len(texts[row]) for row in own]
            for batch in plan_batches(lengths, batch_tokens, alphabet):
                planned.append(tuple(own[position] for position in batch))
        self.batches = tuple(planned)

    def is_block(self, number: int) -> bool:
        """Whether a batch is a block shared with other units."""
        return number < len(self.blocks)

    def owner(self, number: int) -> int | None:
        """Return the unit that a block belongs to; None for a batch of this unit."""
        if self._shared is None or not self.is_block(number):
            return None
        return self._shared.plan.owner(self.blocks[number])

    def text(self, row: int) -> str:
        """Return the residues of a piece."""
        own = len(self.pieces)
        return self.pieces.texts[row] if row < own else self._foreign[row - own]

    def users(self, row: int) -> Iterator[int]:
        """Yield the unit's records of a piece."""
        return self.pieces.users(row) if row < len(self.pieces) else iter(())

    def begun_in(self, number: int) -> Iterator[int]:
        """Yield the records whose first piece is in a batch: exactly one per record."""
        own = (row for row in self.batches[number] if row < len(self.pieces))
        return chain.from_iterable(map(self.pieces.begun_by, own))

    def labels(self, number: int, rows: Sequence[int]) -> tuple[str, ...]:
        """Return the labels of a batch's pieces in the partial result."""
        if self.is_block(number):
            places = {row: str(place) for place, row in enumerate(self.batches[number])}
            return tuple(places[row] for row in rows)
        return tuple(map(self.pieces.label, rows))

    def _block(self, block: int, rows: dict[int, int]) -> tuple[int, ...]:
        """Return the rows of a block that has pieces of the unit."""
        assert self._shared is not None, "something was found"
        batch: list[int] = []
        for piece in self._shared.plan.pieces(block):
            if piece in rows:
                batch.append(rows[piece])
            else:
                batch.append(len(self.pieces) + len(self._foreign))
                self._foreign.append(self._shared.plan.text(piece))
        return tuple(batch)
