"""A model small enough for any test, and real workers that are gone when the test is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.preloaded import preloaded_workers
from tests.support.quiet_run import checkpoint
from tests.support.work_board import ListBoard
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.engines import local
from tui_balancer.engines.local import LocalEngine
from tui_balancer.engines.worker_end import WorkerEnd
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId
from tui_balancer.workers.wire.queues import create_shared_work_queues

__all__ = ["checkpoint"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A checkpoint of two narrow layers."""
    return resolve(CheckpointModel(make_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt")))


@pytest.fixture(scope="module")
def preloaded() -> Iterator[None]:
    """Spare a module's workers the import of torch: how they start is tested elsewhere."""
    with preloaded_workers():
        yield


@dataclass
class Workshop:
    """A board, and an engine with one CPU worker.

    Attributes:
        folder: Everything lies here.
        model: What the worker loads.
        settings: Two sequences of `tests.support.tasks` fill a batch.
        board: What the worker talks to.
        exits: The engine's reports: who ended, and how.
        restart: Whether the engine is told to start a successor.
    """

    folder: Path
    model: ModelSource
    settings: EmbeddingSettings = field(default_factory=lambda: EmbeddingSettings(batch_tokens=60))
    board: ListBoard = field(default_factory=ListBoard)
    exits: list[tuple[WorkerId, WorkerEnd]] = field(default_factory=list)
    restart: bool = False

    def __post_init__(self) -> None:
        self.queues, self.manager = create_shared_work_queues(self.board)
        self.engine = LocalEngine(["cpu:0"], self._setup, self._exited)
        self._started = 0

    @property
    def log(self) -> Path:
        return self.folder / "worker-cpu_0.log"

    @property
    def pid(self) -> int:
        return self.engine.pids()["cpu:0"]

    def wait_for_exits(self, count: int) -> None:
        """Wait until the engine has reported so many."""
        self.board.wait_until(lambda: len(self.exits) >= count)

    def _setup(self, device: str) -> WorkerSetup:
        self._started += 1
        return WorkerSetup(
            worker=WorkerId(device, self._started),
            threads=1,
            model=self.model,
            settings=self.settings,
            reading=ReadingRules(),
            log=self.log,
            queues=self.queues,
        )

    def _exited(self, worker: WorkerId, end: WorkerEnd) -> bool:
        with self.board.changed:
            self.exits.append((worker, end))
            self.board.changed.notify_all()
            return self.restart


@pytest.fixture
def workshop(
    tmp_path: Path, model: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    # No app of these tests is about to be stopped.
    monkeypatch.setattr(local, "SETTLING_SECONDS", 0.0)
    shop = Workshop(tmp_path, model)
    yield shop
    shop.engine.stop()
