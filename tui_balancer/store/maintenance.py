"""What is in a store, whether it is whole, and removing what is no longer wanted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from tui_balancer.store.vector_store import StoreError, VectorStore, is_undamaged, model_of

_MANY = 1000
"""Vectors in a step, so that the locks are short."""

_FREED_PAGES = 2000
"""Of 16 KiB, given back to the file system in one step."""


FORMAT: Final = 1
"""See `StoreStats.format`."""


class ModelVectors(Struct, frozen=True):
    """The vectors of a model.

    Attributes:
        model: As runs show it.
        vectors: How many; each layer and kind of a sequence is one.
        bytes: Their numbers alone.
        oldest: When the oldest was stored, Unix time.
        newest: When the newest was stored, Unix time.
    """

    model: str
    vectors: int
    bytes: int
    oldest: int
    newest: int


class StoreStats(Struct, frozen=True):
    """What is in a store.

    Attributes:
        format: Version of this output; increases when a field changes its meaning.
        folder: Of the store.
        vectors: How many.
        bytes: Their numbers alone.
        file_bytes: Of the database.
        damaged: Damaged vectors that were found and removed since the store was begun.
        models: The models, by name.
    """

    format: int
    folder: str
    vectors: int
    bytes: int
    file_bytes: int
    damaged: int
    models: tuple[ModelVectors, ...]


class StoreCheck(Struct, frozen=True):
    """The result of `verify`.

    Attributes:
        format: Version of this output; increases when a field changes its meaning.
        vectors: How many were read.
        damaged: How many of them are damaged.
        problems: What is wrong with the database, a line each.
    """

    format: int
    vectors: int
    damaged: int
    problems: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether everything is as it was stored."""
        return not (self.damaged or self.problems)


class StorePruned(Struct, frozen=True):
    """The result of `prune`.

    Attributes:
        format: Version of this output; increases when a field changes its meaning.
        removed: Vectors that were removed.
        left: Vectors that are left.
    """

    format: int
    removed: int
    left: int


def stats(store: VectorStore) -> StoreStats:
    """Count what is in a store.

    Raises:
        StoreError: It cannot be read.
    """
    spaces = store.spaces()
    found = store.rows(
        "SELECT space, count(*), sum(length(vector)), min(stored_at), max(stored_at) "
        "FROM vectors GROUP BY space"
    )
    by_model: dict[str, ModelVectors] = {}
    for space, vectors, size, oldest, newest in found:
        model = model_of(spaces[space])
        known = by_model.get(model, ModelVectors(model, 0, 0, oldest, newest))
        by_model[model] = ModelVectors(
            model,
            known.vectors + vectors,
            known.bytes + size,
            min(known.oldest, oldest),
            max(known.newest, newest),
        )
    models = tuple(by_model[name] for name in sorted(by_model))
    damaged = store.rows("SELECT number FROM counts WHERE name = 'damaged'")[0][0]
    return StoreStats(
        format=FORMAT,
        folder=str(store.path.parent),
        vectors=sum(one.vectors for one in models),
        bytes=sum(one.bytes for one in models),
        file_bytes=store.path.stat().st_size,
        damaged=damaged,
        models=models,
    )


def verify(store: VectorStore) -> StoreCheck:
    """Check the database and every vector; change nothing."""
    vectors = damaged = 0
    try:
        found = store.rows("PRAGMA integrity_check(20)")
        problems = tuple(text for (text,) in found if text != "ok")
        for _, good in _checked(store):
            vectors += 1
            damaged += not good
    except StoreError as error:
        problems = (str(error),)
    return StoreCheck(FORMAT, vectors, damaged, problems)


def prune(
    store: VectorStore,
    *,
    older_seconds: float | None = None,
    most_bytes: int | None = None,
    model: str | None = None,
    damaged: bool = False,
) -> int:
    """Remove vectors, and return how many; the file shrinks.

    Args:
        older_seconds: Those that were stored so long ago.
        most_bytes: The oldest, until the others have no more bytes than this.
        model: Of this model alone, the first two too.
        damaged: Those whose checksum is wrong.

    Raises:
        StoreError: It is not possible now; what was removed before stays removed.
    """
    removed = 0
    numbers = _numbers_of(store, model)
    where = f"space IN ({numbers})"
    if damaged:
        bad = [number for number, good in _checked(store) if not good]
        store.discard(bad)
        removed += len(bad)
    if older_seconds is not None:
        removed += _removed(store, f"{where} AND stored_at <= {int(time.time() - older_seconds)}")
    if most_bytes is not None:
        removed += _shrunk(store, where, most_bytes)
    if model is not None and older_seconds is None and most_bytes is None and not damaged:
        removed += _removed(store, where)
    _give_back(store)
    return removed


def _numbers_of(store: VectorStore, model: str | None) -> str:
    """Return the numbers of a model's spaces, or of all, for a statement."""
    spaces = store.spaces().items()
    return ", ".join(str(one) for one, text in spaces if model in (None, model_of(text)))


def _removed(store: VectorStore, where: str) -> int:
    removed = 0
    while True:
        found = store.rows(f"SELECT id FROM vectors WHERE {where} LIMIT {_MANY}")
        if not found:
            return removed
        store.discard([number for (number,) in found], damaged=False)
        removed += len(found)


def _shrunk(store: VectorStore, where: str, most_bytes: int) -> int:
    """Remove the oldest vectors until the rest is small enough; return how many."""
    sizes = store.rows(f"SELECT sum(length(vector)) FROM vectors WHERE {where}")
    left, removed = sizes[0][0] or 0, 0
    while left > most_bytes:
        found = store.rows(
            f"SELECT id, length(vector) FROM vectors WHERE {where} ORDER BY id LIMIT {_MANY}"
        )
        if not found:
            break
        some: list[int] = []
        for number, size in found:
            if left <= most_bytes:
                break
            some.append(number)
            left -= size
        store.discard(some, damaged=False)
        removed += len(some)
    return removed


def _checked(store: VectorStore) -> Iterator[tuple[int, bool]]:
    """Yield the number of every vector and whether it is undamaged.

    Reads some at a time, so that runs can write in between.
    """
    last = 0
    while True:
        found = store.rows(
            "SELECT id, space, key, checksum, vector FROM vectors WHERE id > ? ORDER BY id LIMIT ?",
            (last, _MANY),
        )
        if not found:
            return
        spaces = store.spaces()
        for number, space, key, own, vector in found:
            yield number, is_undamaged(spaces.get(space), key, own, vector)
        last = found[-1][0]


def _give_back(store: VectorStore) -> None:
    """Return free pages to the file system."""
    while store.rows("PRAGMA freelist_count")[0][0]:
        before = store.rows("PRAGMA freelist_count")
        store.rows(f"PRAGMA incremental_vacuum({_FREED_PAGES})")
        if store.rows("PRAGMA freelist_count") == before:
            return
