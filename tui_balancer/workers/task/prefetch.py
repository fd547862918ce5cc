"""Submits the next batch while the device computes the previous one, to keep it busy."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from tui_balancer.embedding.embedder import Embedder, Pending
from tui_balancer.workers.process.busy import BusyClock

_log = logging.getLogger(__name__)


class Prefetch:
    """Batches submitted to a device ahead of time.

    Only for asynchronous devices: a CPU would compute the next batch before it learns that another
    worker has it.
    """

    def __init__(self, embedder: Embedder, busy: BusyClock) -> None:
        """Take the model on its device, and the counter of its busy time."""
        self._embedder = embedder
        self._busy = busy
        self._begun: list[tuple[Sequence[str], Pending]] = []

    def have(self, *batches: Sequence[str]) -> None:
        """Submit exactly these batches, in this order.

        One that cannot start, for example for lack of memory, is tried again in its turn.
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
                    _log.info("a batch could not be submitted ahead of time: %s", error)
                    break
            begun.append((batch, pending))
        self._begun = begun

    def embed(self, sequences: Sequence[str]) -> torch.Tensor:
        """Return the vectors of a batch, submitted ahead of time or not; see `Embedder.embed`."""
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
