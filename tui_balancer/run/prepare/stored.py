"""A run's use of a store of vectors: which vectors it reads, and what its scan finds there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.errors import UserError
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.run.prepare.models import PreparedModel
from tui_balancer.settings import RunSettings, StoreSettings
from tui_balancer.store.vector_store import STORE_NAME, StoreError, VectorStore
from tui_balancer.workers.vectors.stored import StoredVectors
from tui_balancer.workers.wire.config import StoreUse


def with_newest(settings: RunSettings, *, create: bool = True) -> RunSettings:
    """Return settings that say up to which vector a run reads its store.

    A resumed run reads what it read before, so that its outputs are the same as without a break.

    Args:
        create: Whether to begin a store where there is none.

    Raises:
        UserError: The store cannot be used.
    """
    asked = settings.store
    if asked.folder is None:
        return settings
    folder = Path(asked.folder)
    if not create and not (folder / STORE_NAME).exists():
        return replace(settings, store=StoreSettings())
    store = VectorStore.create(folder)
    try:
        newest = store.newest() if asked.until is None else asked.until
    except StoreError as problem:
        raise UserError(str(problem)) from problem
    finally:
        store.close()
    return replace(settings, store=replace(asked, until=newest))


def store_use(
    settings: StoreSettings, device: SelectedDevice | None, devices: Sequence[SelectedDevice]
) -> StoreUse | None:
    """Return how a process of the run uses the store; None for a run without one.

    Args:
        settings: Of the run, see `with_newest`.
        device: A worker's; None for the app.
        devices: Of the run at its start.
    """
    if settings.folder is None or settings.until is None:
        return None
    arithmetics = tuple(dict.fromkeys(map(_arithmetic, devices)))
    own = _arithmetic(device) if device is not None else ""
    return StoreUse(Path(settings.folder), settings.until, own, arithmetics)


@contextmanager
def duplicate_index(
    model: PreparedModel, settings: StoreSettings, devices: Sequence[SelectedDevice]
) -> Iterator[DuplicateIndex | None]:
    """Hold what notes the sequences of a scan; None if copies are computed too.

    Args:
        model: Whose inputs are scanned.
        settings: Of the run, see `with_newest`.
        devices: Of the run.

    Raises:
        UserError: The store cannot be used.
    """
    use = store_use(settings, None, devices)
    if not model.embedding.dereplicate:
        yield None
    elif use is None:
        yield DuplicateIndex()
    else:
        store = VectorStore.create(use.folder)
        try:
            stored = StoredVectors(store, use, model.source, model.embedding)
            yield DuplicateIndex(known=stored.known)
        except StoreError as problem:
            raise UserError(str(problem)) from problem
        finally:
            store.close()


def _arithmetic(device: SelectedDevice) -> str:
    """Return the name of what computes in the same way, to the last bit."""
    threads = f", {device.threads} threads" if device.kind == CPU else ""
    return f"{device.kind} {device.name}{threads}"
