"""A model on a device of a node, which embeds the leases that are brought to it. Imports torch.

The counterpart of `workers.loop` for workers that do not fetch their tasks themselves: each lease
is a call from a thread of its own. Only one computes at a time; while one's outputs are written
the next one may begin.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack

from tui_balancer.workers.loop import at_work, load_onto_device
from tui_balancer.workers.protocol import Task, WorkBoard, WorkerSetup
from tui_balancer.workers.queues import WorkQueue
from tui_balancer.workers.reading import read_files
from tui_balancer.workers.task import Abandoned, TaskRun
from tui_balancer.workers.writing import write_outputs

_log = logging.getLogger(__name__)


class Slot:
    """A worker whose process is not its own."""

    def __init__(self, setup: WorkerSetup, board: WorkBoard, started: float) -> None:
        """Load the model and say hello to the board; takes as long as that takes.

        Args:
            setup: What the worker is given; address and key are not looked at.
            board: Hears of everything.
            started: `time.monotonic()` when it was asked for.

        Raises:
            UserError: The model cannot be loaded, or has no such layer.
        """
        queue = WorkQueue(board, setup.worker)
        embedder = load_onto_device(setup)
        self._until_closed = ExitStack()
        self._bench = self._until_closed.enter_context(
            at_work(setup, embedder, queue, time.monotonic() - started)
        )
        self._computing = threading.Lock()

    def embed(self, task: Task) -> None:
        """Embed a lease and hand in what became of it, unless the app takes it back.

        Raises:
            Exception: Of another kind than a file's; the slot cannot go on.
        """
        files = read_files(task.files, self._bench.setup.reading)
        with self._computing:
            try:
                embedded = TaskRun(self._bench, task, files).embed()
            except Abandoned:
                _log.info("unit %d epoch %d was taken back", task.unit_id, task.epoch)
                return
        self._bench.queue.finish(write_outputs(embedded))

    def close(self) -> None:
        """Wait for the batch in flight and let go of the model."""
        with self._computing:
            self._until_closed.close()
            del self._bench
