"""A worker that changes its model: the old one's memory goes first, and the app hears of it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.benches import worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.process import loop
from tui_balancer.workers.process.loop import at_work, change_model, load_onto_device
from tui_balancer.workers.wire.config import WorkerModel, WorkerSetup
from tui_balancer.workers.wire.queues import WorkQueue


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Loading exempts what is there from the garbage collection."""
    yield
    gc.unfreeze()


@pytest.fixture
def setup(tmp_path: Path) -> WorkerSetup:
    models = tuple(
        WorkerModel(
            resolve(CheckpointModel(make_checkpoint(tmp_path / f"{width}.pt", width=width))),
            EmbeddingSettings(batch_tokens=10 * width),
            ReadingRules(max_length=width),
            f"_{width}",
        )
        for width in (40, 48)
    )
    first = models[0]
    settings = (first.model, first.settings, first.reading)
    return worker_setup(*settings, mark=first.mark, models=models)


def test_the_old_model_is_gone_before_the_new_one_is_loaded(
    setup: WorkerSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = ListBoard()
    loaded = [load_onto_device(setup)]
    old = weakref.ref(loaded[0])
    alive_at_load: list[bool] = []

    def load(asked: WorkerSetup) -> Embedder:
        alive_at_load.append(old() is not None)
        return load_onto_device(asked)

    monkeypatch.setattr(loop, "load_onto_device", load)
    with at_work(setup, loaded.pop(), WorkQueue(board, setup.worker), 2.5) as bench:
        change_model(bench, 0)
        assert alive_at_load == []
        change_model(bench, 1)
        assert alive_at_load == [False]
        assert bench.setup.model is setup.models[1].model
        assert (bench.setup.reading.max_length, bench.setup.mark) == (48, "_48")
        assert bench.embedder.kept.width == 48
    ((_, facts),) = board.hellos
    assert (facts.model, facts.load_seconds) == (1, 2.5)
    assert facts.model_sha256 == setup.models[1].model.sha256
    assert facts.model_seconds > 0
