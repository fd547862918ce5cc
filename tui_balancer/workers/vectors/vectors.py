"""Collects the rows of a unit from the model, earlier attempts and other units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.windows import pieces, windows
from tui_balancer.outputs.content import Row
from tui_balancer.outputs.partials import KeptBatch, PartialResult
from tui_balancer.representations import Representations
from tui_balancer.workers.task.oom import EmbeddedBatch
from tui_balancer.workers.vectors.batch_plan import UnitPlan
from tui_balancer.workers.vectors.pieces import UnitPieces
from tui_balancer.workers.vectors.row_store import PlacedBatch, joined_row, rows_for
from tui_balancer.workers.vectors.shared_blocks import SharedBlocks
from tui_balancer.workers.vectors.stored import StoredVectors

_log = logging.getLogger(__name__)

_FLOAT_BYTES = 4


class UnitVectors:
    """A unit's batches and their results so far.

    The unit's records, the plan of shared pieces and the settings determine the batches, and so
    the outputs' bytes. Batches without wanted pieces are not computed. An embedded batch is kept at
    once, a block where other units find it, others in the partial result, except for the last
    missing one if it is in memory: then the outputs are written next.

    A row is the number of a piece, see `UnitPlan`.

    Attributes:
        plan: The batches.
    """

    def __init__(
        self,
        records: Sequence[ProteinRecord],
        kept: Representations,
        rules: ReadingRules,
        batch_tokens: int,
        partial: PartialResult,
        *,
        dereplicate: bool = True,
        shared: SharedBlocks | None = None,
        stored: StoredVectors | None = None,
        unwanted: Collection[int] = (),
        segments: Sequence[int] = (),
    ) -> None:
        """Plan the batches.

        Args:
            records: Records of all files of the unit, in order.
            kept: Content of a row.
            rules: How long sequences are divided.
            batch_tokens: Maximum tokens of a batch.
            partial: Path of the partial result.
            dereplicate: Whether the same residues are computed once.
            shared: Blocks shared with other units.
            stored: Vectors of earlier runs.
            unwanted: Records that are not needed.
            segments: First record of each segment of a large file.

        Raises:
            MemoryError: The rows do not fit into memory.
        """
        self._records, self._kept, self._rules = records, kept, rules
        common: Collection[str] = ()
        if shared is not None and len(segments) > 1:
            common = shared.common(
                [text for one in records for text in pieces(one.residues, rules)]
            )
        self._pieces = UnitPieces(
            records, rules, dereplicate=dereplicate, segments=segments, common=common
        )
        self._shared = shared
        self._store = rows_for(self._pieces.texts, kept)
        self._stored = stored
        self._from_store = self._load_stored()
        self._to_store: list[int] = []
        self.plan = UnitPlan(self._pieces, batch_tokens, rules.alphabet, shared, self._from_store)
        self._missing = dict.fromkeys(range(len(self)))
        self._unwanted: set[int] = set()
        self._failed: set[int] = set()
        self._split: set[int] = set()
        self._postponed: set[int] = set()
        self._partial: PartialResult | None = partial
        self.give_up(unwanted)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the missing batches, in order of embedding."""
        return tuple(self._missing)

    @property
    def complete(self) -> bool:
        """Whether no batch is missing."""
        return not self._missing

    def upcoming(self, spans: Sequence[tuple[int, int]] | None) -> Iterator[int]:
        """Yield the missing batches of all, or of these, in order of embedding."""
        if spans is None:
            return iter(self._missing)
        mine = (number for first, end in spans for number in range(first, end))
        return (number for number in mine if number in self._missing)

    def rows(self, number: int) -> tuple[int, ...]:
        """Return the rows of a batch, in order."""
        return self.plan.batches[number]

    def texts(self, number: int) -> list[str]:
        """Return the residues of a batch's pieces."""
        return [self.plan.text(row) for row in self.rows(number)]

    def wanted(self, number: int) -> list[ProteinRecord]:
        """Return the needed records that start in a batch: exactly one batch per record."""
        begun = self.plan.begun_in(number)
        return [self._records[record] for record in begun if record not in self._unwanted]

    def costly(self, number: int) -> list[str]:
        """Return the pieces that a batch is computed for: all of a block, or the wanted ones."""
        if self.plan.is_block(number):
            return self.texts(number)
        return [self.plan.text(row) for row in self.rows(number) if self._is_wanted(row)]

    def give_up(self, records: Collection[int]) -> None:
        """Drop the need for these records, and for batches that only they need."""
        if records:
            self._unwanted.update(records)
            for number in self.missing:
                if not any(map(self._is_wanted, self.rows(number))):
                    del self._missing[number]

    def __len__(self) -> int:
        return len(self.plan.batches)

    def is_claimed(self, number: int) -> bool:
        """Whether a batch is a block that another worker has claimed; it is then postponed once.

        Otherwise this worker claims it.
        """
        if self._shared is None or not self.plan.is_block(number) or number in self._postponed:
            return False
        if self._shared.claim(self.plan.blocks[number]):
            return False
        self._postponed.add(number)
        del self._missing[number]
        self._missing[number] = None
        return True

    def restore(self, others: Iterable[PartialResult] = ()) -> list[int]:
        """Load kept batches, and return their numbers.

        An unreadable partial result is ignored.

        Args:
            others: Other paths with kept batches.
        """
        blocks = len(self.plan.blocks)
        taken = [number for number in range(blocks) if self.fetch(number)]
        numbers = {number: number for number in range(blocks, len(self))}
        if len(numbers) < 2 and not self._store.on_disk:
            return taken
        own = [] if self._partial is None else [self._partial]
        for partial in (*own, *others):
            taken += self._taken_over(partial, numbers)
        return taken

    def fetch(self, number: int) -> bool:
        """Load a missing block if another worker has written it; return whether it did."""
        if self._shared is None or not self.plan.is_block(number) or number not in self._missing:
            return False
        block = self.plan.blocks[number]
        return bool(self._taken_over(self._shared.kept(block), {block: number}))

    def add(self, number: int, embedded: EmbeddedBatch) -> None:
        """Store a batch from the model, and keep it.

        A batch with a failed piece is not kept for other attempts: they may have more memory.

        Raises:
            OSError: It cannot be kept, and is not in memory.
        """
        batch = self.rows(number)
        failed = {batch[position] for position in embedded.failed}
        self._failed |= failed
        computed = [row for row in batch if row not in failed]
        flat = embedded.vectors.reshape(-1)
        path, place = Path(), 0
        last = len(self._missing) == 1 and not self.plan.is_block(number)
        if self._store.on_disk or not (failed or last):
            # No attempt loads frames whose labels differ from the whole batch's.
            labels = self.plan.labels(number, computed)
            frame = KeptBatch(number, labels, flat.numpy().tobytes(), embedded.split)
            path, place = self._keep(number, frame, whole=not failed)
        self._place(number, computed, flat, path, place, split=embedded.split)

    def content(self, records: range) -> tuple[list[str], Callable[[], Iterator[Row]]]:
        """Return the ids of these records that did not fail, and an iterator of their rows."""
        good = [record for record in records if not self._has_failed(record)]
        return [self._records[record].id for record in good], lambda: map(self._row, good)

    def failed_ids(self, records: range) -> list[str]:
        """Return the records that did not fit into memory even alone."""
        return [self._records[record].id for record in records if self._has_failed(record)]

    def split_batches(self, records: range) -> int:
        """Return the number of batches with these records that were computed in parts."""
        return sum(
            any(user in records for row in self.rows(number) for user in self.plan.users(row))
            for number in self._split
        )

    def from_store(self, records: range) -> int:
        """Return the number of these records whose vectors all came from the store."""
        return sum(map(self._is_stored, records)) if self._from_store else 0

    def stored_records(self) -> list[ProteinRecord]:
        """Return the needed records that start with a piece from the store."""
        begun = (one for row in self._from_store for one in self._pieces.begun_by(row))
        return [self._records[one] for one in begun if one not in self._unwanted]

    def keep_for_others(self) -> None:
        """Store what was computed for later runs, but what chance has decided: split batches."""
        if self._stored is not None:
            texts = self._pieces.texts
            self._stored.keep((texts[row], self._store.row(row)) for row in self._to_store)

    def _load_stored(self) -> frozenset[int]:
        """Load the rows that are in the store, and return them."""
        if self._stored is None or not self._kept.fixed:
            return frozenset()
        found: list[int] = []
        for row, numbers in self._stored.find(self._pieces.texts):
            flat = torch.from_numpy(numbers)
            self._store.put(PlacedBatch([row], [len(numbers)], flat, Path(), 0))
            found.append(row)
        return frozenset(found)

    def _is_stored(self, record: int) -> bool:
        return self._from_store.issuperset(self._pieces.rows(record))

    def _is_wanted(self, row: int) -> bool:
        return any(user not in self._unwanted for user in self.plan.users(row))

    def _has_failed(self, record: int) -> bool:
        return bool(self._failed) and not self._failed.isdisjoint(self._pieces.rows(record))

    def _row(self, record: int) -> Row:
        rows = self._pieces.rows(record)
        if len(rows) == 1:
            return self._store.row(rows[0])
        length = len(self._records[record].residues)
        places = windows(length, self._rules.max_length)
        return joined_row(self._kept, length, places, [self._store.row(row) for row in rows])

    def _sizes(self, rows: Iterable[int]) -> list[int]:
        return [self._kept.numbers(len(self.plan.text(row))) for row in rows]

    def _taken_over(self, partial: PartialResult, numbers: Mapping[int, int]) -> list[int]:
        """Load a file's kept batches, whose numbers differ from those here."""
        taken: list[int] = []
        try:
            for kept in partial.read():
                number = numbers.get(kept.number)
                if number is not None and self._fits(number, kept):
                    flat = torch.frombuffer(bytearray(kept.vectors), dtype=torch.float32)
                    batch = self.rows(number)
                    self._place(number, batch, flat, partial.path, kept.place, split=kept.split)
                    taken.append(number)
        except OSError as error:
            _log.warning("finished batches of earlier attempts are unreadable: %s", error)
        return taken

    def _fits(self, number: int, kept: KeptBatch) -> bool:
        """Whether a kept batch has exactly the pieces of a missing one."""
        if number not in self._missing:
            return False
        rows = self.rows(number)
        same = kept.ids == self.plan.labels(number, rows)
        return same and len(kept.vectors) == _FLOAT_BYTES * sum(self._sizes(rows))

    def _place(
        self,
        number: int,
        rows: Sequence[int],
        flat: torch.Tensor,
        path: Path,
        place: int,
        *,
        split: bool,
    ) -> None:
        """Store the results of a batch in its rows."""
        self._store.put(PlacedBatch(rows, self._sizes(rows), flat, path, place))
        if split:
            self._split.add(number)
        else:
            self._to_store += (row for row in rows if row < len(self._pieces))
        del self._missing[number]

    def _keep(self, number: int, batch: KeptBatch, *, whole: bool) -> tuple[Path, int]:
        """Keep a batch on disk and return its place; fall back to memory.

        Raises:
            OSError: Writing failed, and the rows are not in memory.
        """
        try:
            if whole and self._shared is not None and self.plan.is_block(number):
                block = self.plan.blocks[number]
                place = self._shared.keep(block, replace(batch, number=block))
                return self._shared.kept(block).path, place
            if self._partial is not None:
                return self._partial.path, self._partial.keep(batch)
        except OSError as error:
            if self._store.on_disk:
                raise
            _log.warning("finished batches are not kept: %s", error)
            if not self.plan.is_block(number):
                self._partial = None
        return Path(), 0
