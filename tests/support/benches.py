"""What a worker works with, in the test's own process: nothing is served, nothing is spawned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.task.prefetch import Prefetch
from tui_balancer.workers.task.task import WorkerContext
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId
from tui_balancer.workers.wire.queues import WorkQueue

WORKER = WorkerId("cpu:0", 1)


def worker_setup(
    model: ModelSource,
    settings: EmbeddingSettings,
    reading: ReadingRules | None = None,
    **others: Any,
) -> WorkerSetup:
    """Return what a worker of one thread is given that talks to a board in its own process."""
    return WorkerSetup(
        **{
            "worker": WORKER,
            "threads": 1,
            "model": model,
            "settings": settings,
            "reading": reading or ReadingRules(),
            "log": Path("unused.log"),
            "queues": None,
            **others,
        }
    )


def bench_for(setup: WorkerSetup, board: ListBoard, embedder: Embedder) -> WorkerContext:
    """Return the bench of a worker that talks to this board."""
    busy = BusyClock()
    queue = WorkQueue(board, setup.worker)
    return WorkerContext(setup, queue, embedder, busy, Prefetch(embedder, busy))
