"""A run's use of a store: sequences embedded by earlier runs, see `store.vector_store`.

A stored vector is like a duplicate whose first occurrence was computed before. It is used only
where everything is the same that decides its numbers, but for the other sequences of its batch.
Imports no torch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import numpy as np

from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.outputs.content import Row
from tui_balancer.representations import Representations
from tui_balancer.store.vector_store import StoreError, VectorStore, sequence_key, space_of
from tui_balancer.workers.wire.config import StoreUse, WorkerSetup

_log = logging.getLogger(__name__)

RULES = 3
"""Version of the arithmetic: increase it when a forward pass or a kind gives other bytes."""

_MANY = 500
"""Vectors in a transaction, and in memory twice."""


def spaces_of(model: ModelSource, settings: EmbeddingSettings, arithmetic: str) -> tuple[str, ...]:
    """Return the space of each part of a row, in its order.

    Args:
        settings: How it computes; all kinds have a fixed size.
        arithmetic: Of the device, see `StoreUse`.
    """
    shape = model.shape
    facts = {
        "alphabet": shape.alphabet.name,
        "arithmetic": arithmetic,
        "batch_tokens": settings.batch_tokens,
        "forward": settings.forward,
        "model": model.label,
        "precision": settings.precision,
        "rules": RULES,
        "torch": version("torch"),
        # Of random weights the label tells the seed.
        "weights": model.sha256,
    }
    kept = settings.representations(shape.layers, shape.width)
    return tuple(space_of(**facts, kind=part.kind.name, layer=part.layer) for part in kept.parts(0))


class StoredVectors:
    """The vectors of a model in a store, as a run with its settings sees them."""

    def __init__(
        self,
        store: VectorStore,
        use: StoreUse,
        model: ModelSource,
        settings: EmbeddingSettings,
    ) -> None:
        """Take a store, how the run uses it, and the model."""
        self._store = store
        self._until = use.until
        self._own = spaces_of(model, settings, use.arithmetic)
        self._wanted = [spaces_of(model, settings, one) for one in use.arithmetics]
        kept: Representations = settings.representations(model.shape.layers, model.shape.width)
        self._slices = [part.numbers for part in kept.parts(0)]

    def known(self, pieces: Sequence[bytes]) -> bytes:
        """Return 1 for each piece that has all its vectors, 0 for others.

        Raises:
            StoreError: The store cannot be read.
        """
        keys = [sequence_key(piece) for piece in pieces]
        known: set[bytes] = set()
        for spaces in self._wanted:
            parts = [self._store.find(space, keys, self._until) for space in spaces]
            known |= set.intersection(*parts)
        return bytes(key in known for key in keys)

    def find(self, texts: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Yield the position and row of each text that has all its vectors, all undamaged.

        A store that cannot be read has none.
        """
        try:
            for start in range(0, len(texts), _MANY):
                yield from self._find(texts[start : start + _MANY], start)
        except StoreError as error:
            _log.warning("its vectors are computed again: %s", error)

    def _find(self, texts: Sequence[str], first: int) -> Iterator[tuple[int, Row]]:
        keys = [sequence_key(text.encode()) for text in texts]
        found: dict[bytes, Row] = {}
        for spaces in self._wanted:
            left = [key for key in keys if key not in found]
            # Most often there are none: the first part says so.
            parts = []
            for space, numbers in zip(spaces, self._slices, strict=True):
                size = numbers.stop - numbers.start
                read = self._store.read(space, left, self._until)
                parts.append({key: one for key, one in read.items() if len(one) == size})
                left = list(parts[-1])
            found |= {key: np.concatenate([part[key] for part in parts]) for key in left}
        for position, key in enumerate(keys, start=first):
            if key in found:
                yield position, found[key]

    def keep(self, computed: Iterable[tuple[str, Row]]) -> None:
        """Store rows of texts for later runs, as far as that is possible."""
        rest = iter(computed)
        try:
            while some := list(islice(rest, _MANY)):
                self._store.put(
                    (space, sequence_key(text.encode()), row[numbers])
                    for text, row in some
                    for space, numbers in zip(self._own, self._slices, strict=True)
                    if np.isfinite(row).all()
                )
        except (StoreError, OSError) as error:
            _log.warning("vectors are not stored: %s", error)


def stored_vectors(setup: WorkerSetup) -> StoredVectors | None:
    """Return the store of the worker's run; None if it uses none or it cannot be opened."""
    if setup.store is None:
        return None
    try:
        store = _opened(setup.store.folder)
    except UserError as error:
        _log.warning("without the store: %s", error)
        return None
    return StoredVectors(store, setup.store, setup.model, setup.settings)


@lru_cache(maxsize=1)
def _opened(folder: Path) -> VectorStore:
    return VectorStore.create(folder)
