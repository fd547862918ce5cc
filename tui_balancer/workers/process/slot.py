"""A model on a device of a node, which embeds the leases sent to it. Imports torch.

The counterpart of `workers.process.loop` for workers that do not fetch their tasks themselves:
each lease is a call from its own thread. Only one computes at a time; while the outputs of one
are written the next may start.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack

import torch

from tui_balancer.embedding.embedder import Embedder
from tui_balancer.workers.process.card import leave_device, use_device
from tui_balancer.workers.process.loop import (
    at_work,
    change_model,
    load_onto_device,
    say_hello,
)
from tui_balancer.workers.task.read_ahead import read_files
from tui_balancer.workers.task.task import Abandoned, WorkerContext, embed
from tui_balancer.workers.task.write_behind import write_outputs
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import Task, WorkerApi
from tui_balancer.workers.wire.queues import WorkQueue

_log = logging.getLogger(__name__)


class Slot:
    """A worker inside another program's process."""

    def __init__(self, setup: WorkerSetup, board: WorkerApi) -> None:
        """Load the model; blocks.

        Args:
            board: Gets all reports.

        Raises:
            UserError: The model cannot be loaded, or lacks a layer.
        """
        started = time.monotonic()
        self._loaded: list[Embedder] = [load_onto_device(setup)]
        self._load_seconds = time.monotonic() - started
        self._setup = setup
        self._queue = WorkQueue(board, setup.worker)
        self._until_closed = ExitStack()
        self._computing = threading.Lock()
        self._bench: WorkerContext | None = None

    def open(self) -> None:
        """Report to the board that the slot is ready: leases may arrive from now on."""
        assert self._loaded, "a slot is opened once"
        self._bench = self._until_closed.enter_context(
            at_work(self._setup, self._loaded.pop(), self._queue, self._load_seconds)
        )
        say_hello(self._bench, self._load_seconds)

    def embed(self, task: Task) -> None:
        """Embed a lease and return its results, unless the app withdraws it.

        Raises:
            Exception: An error that is not about a file; the slot cannot continue.
        """
        files = read_files(task.files, self._setup.with_model(task.model).reading)
        with self._computing:
            if self._bench is None:
                raise LookupError(f"the slot of {self._setup.worker.device} is closed")
            # Both belong to a thread, and each lease has its own.
            use_device(self._setup.local_device, self._setup.memory_share)
            torch.set_num_threads(self._setup.threads)
            change_model(self._bench, task.model)
            try:
                embedded = embed(self._bench, task, files)
            except Abandoned:
                _log.info("unit %d epoch %d was withdrawn", task.unit_id, task.epoch)
                return
        self._queue.finish(write_outputs(embedded))

    def close(self) -> None:
        """Wait for the batch in flight, then release the model and its memory."""
        with self._computing:
            self._until_closed.close()
            self._loaded.clear()
            self._bench = None
            leave_device(self._setup.local_device, self._setup.memory_share)
