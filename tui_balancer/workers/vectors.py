"""The vectors of one unit as they come in, from the model or from an earlier attempt."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence

import torch

from tui_balancer.embedding.batching import plan_batches
from tui_balancer.inputs.records import ProteinRecord
from tui_balancer.outputs.partials import KeptBatch, PartialResult
from tui_balancer.workers.sparing import EmbeddedBatch

_log = logging.getLogger(__name__)

_FLOAT_BYTES = 4


class UnitVectors:
    """A unit's batches and what is there of them.

    The batches follow from the unit's records and the settings alone, and so do the outputs'
    bytes. Batches of which no sequence is wanted are not computed. A batch that was embedded is
    kept in the partial result at once, unless it is the last one missing: then the outputs
    themselves come next.

    A row is a sequence's position among all records of the unit.
    """

    def __init__(
        self,
        records: Sequence[ProteinRecord],
        width: int,
        batch_tokens: int,
        partial: PartialResult,
        unwanted: Collection[int] = (),
    ) -> None:
        """Plan the batches.

        Args:
            records: Of all files of the unit, one after the other.
            width: Of a vector.
            batch_tokens: Tokens of a batch, at most.
            partial: Where finished batches are kept.
            unwanted: Rows that nobody needs.

        Raises:
            MemoryError: There is no room for the vectors.
        """
        self._records = records
        self._rows = torch.empty(len(records), width)
        self._batches = plan_batches([len(one.residues) for one in records], batch_tokens)
        self._missing = dict.fromkeys(range(len(self._batches)))
        self._unwanted: set[int] = set()
        self._failed: set[int] = set()
        self._split: set[int] = set()
        self._partial: PartialResult | None = partial
        self.give_up(unwanted)

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the batches that are not there, in the order to embed them in."""
        return tuple(self._missing)

    @property
    def complete(self) -> bool:
        """Whether all batches are there."""
        return not self._missing

    def upcoming(self, spans: Sequence[tuple[int, int]] | None) -> Iterator[int]:
        """Yield the batches that are not there of all, or of these, in the order to embed in."""
        if spans is None:
            return iter(self._missing)
        mine = (number for first, end in spans for number in range(first, end))
        return (number for number in mine if number in self._missing)

    def rows(self, number: int) -> tuple[int, ...]:
        """Return the rows of a batch, in its order."""
        return self._batches[number]

    def batch(self, number: int) -> list[ProteinRecord]:
        """Return the records of a batch."""
        return [self._records[row] for row in self._batches[number]]

    def wanted(self, number: int) -> list[ProteinRecord]:
        """Return the records of a batch that somebody needs."""
        return [self._records[row] for row in self._batches[number] if row not in self._unwanted]

    def give_up(self, rows: Collection[int]) -> None:
        """Let nobody need these rows any more; what is missing for them alone is not missed."""
        if rows:
            self._unwanted.update(rows)
            for number in self.missing:
                if self._unwanted.issuperset(self._batches[number]):
                    del self._missing[number]

    def __len__(self) -> int:
        return len(self._batches)

    def restore(self, others: Iterable[PartialResult] = ()) -> list[ProteinRecord]:
        """Take over what was kept, and return whose wanted vectors that are.

        A partial result that cannot be read is as good as none.

        Args:
            others: Where others kept batches, besides its own place.
        """
        if len(self._batches) < 2:
            return []
        own = [] if self._partial is None else [self._partial]
        return [record for partial in (*own, *others) for record in self._taken_over(partial)]

    def _taken_over(self, partial: PartialResult) -> list[ProteinRecord]:
        taken: list[ProteinRecord] = []
        try:
            for kept in partial.read():
                if self._fits(kept):
                    vectors = torch.frombuffer(bytearray(kept.vectors), dtype=torch.float32)
                    self._place(kept.number, vectors.view(len(kept.ids), -1), split=kept.split)
                    taken += self.wanted(kept.number)
        except OSError as error:
            _log.warning("finished batches of earlier attempts cannot be read: %s", error)
        return taken

    def add(self, number: int, embedded: EmbeddedBatch) -> None:
        """Take a batch from the model, and keep it.

        A batch of which a sequence failed is not kept: another attempt may have more memory.
        """
        batch = self._batches[number]
        self._failed.update(batch[position] for position in embedded.failed)
        self._place(number, embedded.vectors, split=embedded.split)
        if self._missing and not embedded.failed:
            self._keep(
                KeptBatch(
                    number,
                    tuple(record.id for record in self.batch(number)),
                    embedded.vectors.numpy().tobytes(),
                    embedded.split,
                )
            )

    def content(self, rows: range) -> tuple[list[str], torch.Tensor]:
        """Return the ids of these sequences that did not fail, and a row of vectors for each."""
        kept = [row for row in rows if row not in self._failed]
        ids = [self._records[row].id for row in kept]
        if len(kept) == len(rows):
            return ids, self._rows[rows.start : rows.stop]
        return ids, self._rows[kept]

    def failed_ids(self, rows: range) -> list[str]:
        """Return which of these sequences did not fit into memory even alone."""
        return [self._records[row].id for row in rows if row in self._failed]

    def split_batches(self, rows: range) -> int:
        """Return how many batches with some of these sequences were computed in parts."""
        return sum(any(row in rows for row in self._batches[number]) for number in self._split)

    def _place(self, number: int, vectors: torch.Tensor, *, split: bool) -> None:
        """Put the vectors of a batch, but for those that failed, into their rows."""
        rows = [row for row in self._batches[number] if row not in self._failed]
        if rows:
            self._rows[rows] = vectors
        if split:
            self._split.add(number)
        del self._missing[number]

    def _fits(self, kept: KeptBatch) -> bool:
        """Whether a kept batch is one of those that are missing, id by id."""
        if kept.number not in self._missing:
            return False
        ids = tuple(record.id for record in self.batch(kept.number))
        size = _FLOAT_BYTES * len(ids) * self._rows.shape[1]
        return kept.ids == ids and len(kept.vectors) == size

    def _keep(self, batch: KeptBatch) -> None:
        """Keep a batch; where that does not work, the unit goes on without."""
        if self._partial is None:
            return
        try:
            self._partial.keep(batch)
        except OSError as error:
            _log.warning("finished batches are not kept: %s", error)
            self._partial = None
