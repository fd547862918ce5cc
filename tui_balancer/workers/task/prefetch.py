"""The next batch on its way while the one before is waited for: the device is never without."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from tui_balancer.embedding.embedder import Embedder, Pending
from tui_balancer.workers.process.busy import BusyClock

_log = logging.getLogger(__name__)


class Prefetch:
    """Batches that a device was given before their turn.

    Only where the device computes by itself: a CPU would do the next batch before it is told
    that somebody else has it.
    """

    def __init__(self, embedder: Embedder, busy: BusyClock) -> None:
        """Take the model on its device, and what adds up how long that is at work."""
        self._embedder = embedder
        self._busy = busy
        self._begun: list[tuple[Sequence[str], Pending]] = []

    def have(self, *batches: Sequence[str]) -> None:
        """Have these batches on their way, in this order, and no others.

        One that cannot begin, for want of memory say, will fail or not when its turn comes.
        """
        if not self._embedder.computes_by_itself:
            return
        begun: list[tuple[Sequence[str], Pending]] = []
        for batch in batches:
            pending = self._pending(batch)
            if pending is None:
                try:
                    pending = self._embedder.begin(batch)
                except RuntimeError as error:
                    _log.info("a batch could not begin before its turn: %s", error)
                    break
            begun.append((batch, pending))
        self._begun = begun

    def embed(self, sequences: Sequence[str]) -> torch.Tensor:
        """Return the vectors of a batch, see `Embedder.embed`, begun before its turn or not."""
        if not self._embedder.computes_by_itself:
            with self._busy.running():
                return self._embedder.embed(sequences)
        pending = self._pending(sequences) or self._embedder.begin(sequences)
        self._begun = [one for one in self._begun if one[1] is not pending]
        vectors = pending.vectors()
        self._busy.add(pending.seconds())
        return vectors

    def _pending(self, batch: Sequence[str]) -> Pending | None:
        return next((pending for begun, pending in self._begun if begun == batch), None)
