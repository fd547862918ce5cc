"""Code in a Dask worker's process: a plugin with the slot, and the task of a lease.

Nothing here imports torch before the process checks its GPUs or opens a slot.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin

from tui_balancer.engines.dask.node_check import Look, look_around
from tui_balancer.engines.remote.messages import (
    Answer,
    Close,
    Joined,
    Leaving,
    Mail,
    Open,
    Ordered,
    Unfit,
    Word,
)
from tui_balancer.engines.remote.node_proxy import NodeProxy
from tui_balancer.errors import UserError, one_line
from tui_balancer.process.heap import keep_freed_memory
from tui_balancer.process.stop_signals import IgnoredByChild
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId

if TYPE_CHECKING:
    from tui_balancer.workers.process.slot import Slot

_log = logging.getLogger(__name__)

_group_signals = IgnoredByChild()
"""Signals that a worker leaves to its Nanny, which closes the worker cleanly."""


class SlotPlugin(WorkerPlugin):
    """Has the slot of a Dask worker for one run: one device, its model loaded once.

    Dask installs it in every worker, also one that joins later or after a restart. It registers
    with the app, which then decides its device.
    """

    def __init__(self, name: str, look: Look) -> None:
        """Take the run's unique name, which is also the topic of its messages."""
        self.name = name
        self._look = look

    async def setup(self, worker: Worker) -> None:
        """Start in a worker: send its report to the app."""
        self._worker = worker
        # Opens and closes slots sequentially.
        self._doorman = ThreadPoolExecutor(1, thread_name_prefix="slot")
        self._slot: Slot | None = None
        self._board: NodeProxy | None = None
        self._setup: WorkerSetup | None = None
        self._log_handler: logging.Handler | None = None
        _group_signals.hold()
        report = await asyncio.to_thread(look_around, self._look, worker)
        self._send((Joined(report),))

    def teardown(self, worker: Worker) -> None:
        """End in a worker: the run or the worker ends."""
        if self._setup is not None:
            self._send((Leaving(self._setup.worker),))
        self._let_go()
        _group_signals.release()

    async def deliver(self, mail: Mail) -> None:
        """Handle a message of the app."""
        if isinstance(mail, Open):
            await self._worker.set_resources(**{resource(mail.setup.worker.device): 1})
            self._let_go()
            self._setup = mail.setup
            self._board = NodeProxy(mail.setup.worker, self._send)
            self._doorman.submit(self._open, mail.setup, self._board)
        elif self._setup is None or mail.worker != self._setup.worker or self._board is None:
            _log.info("%s: no longer for this slot", mail.worker)
        elif isinstance(mail, Close):
            self._let_go()
        elif isinstance(mail, Ordered | Answer):
            self._board.deliver(mail)

    def embed(self, worker: WorkerId, task: bytes) -> None:
        """Embed a lease, in one of Dask's threads.

        Raises:
            LookupError: Its slot is no longer here.
            RuntimeError: The slot cannot continue.
        """
        slot, setup = self._slot, self._setup
        if slot is None or setup is None or setup.worker != worker:
            raise LookupError(f"{worker} is not here")
        try:
            slot.embed(pickle.loads(task))
        except Exception as error:
            _log.exception("the slot of %s is broken", setup.worker.device)
            raise RuntimeError(f"{one_line(error)}: see {setup.log.name}") from None

    def _open(self, setup: WorkerSetup, board: NodeProxy) -> None:
        """Load the model; blocks."""
        try:
            self._log_to(setup.log)
            keep_freed_memory()
            from tui_balancer.workers.process.slot import Slot

            # Registered before it is opened: a lease may arrive as soon as the app knows it.
            self._slot = Slot(setup, board)
            self._slot.open()
        except Exception as error:
            _log.exception("the slot of %s cannot be opened", setup.worker.device)
            lasting = isinstance(error, UserError)
            self._send((Unfit(setup.worker, one_line(error), lasting),))

    def _let_go(self) -> None:
        """Close the slot outside the event loop: a batch may be in flight."""
        if self._board is not None:
            self._board.close()
            self._board = None
            self._doorman.submit(self._close)

    def _close(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.close()

    def _send(self, words: tuple[Word, ...]) -> None:
        self._worker.log_event(self.name, pickle.dumps(words))

    def _log_to(self, path: Path) -> None:
        """Write this process's log of the program to the run folder."""
        logger = logging.getLogger("tui_balancer")
        if self._log_handler is not None:
            logger.removeHandler(self._log_handler)
        self._log_handler = logging.FileHandler(path)
        self._log_handler.setFormatter(
            logging.Formatter(f"%(asctime)s {os.getpid()} %(levelname)s %(message)s")
        )
        logger.addHandler(self._log_handler)
        logger.setLevel(logging.INFO)


class SlotEnding(SchedulerPlugin):
    """Ends a run's slots when its app is gone for any reason, to free their devices."""

    def __init__(self, plugin: str, client: str) -> None:
        self.name = f"{plugin}-ending"
        self._plugin = plugin
        self._client = client

    def remove_client(self, scheduler: Any, client: str) -> None:
        """Handle a client that has left, by itself or by `kill -9`."""
        if client == self._client and self._plugin in scheduler.worker_plugins:
            scheduler.loop.add_callback(
                scheduler.unregister_worker_plugin, comm=None, name=self._plugin
            )


def resource(device: str) -> str:
    """Return the name of a slot as a Dask resource.

    It directs leases to the slot: the address of a worker changes with every restart.
    """
    return f"tui-balancer:{device}"


def embed_lease(plugin: str, device: str, incarnation: int, task: bytes) -> None:
    """Embed a lease: the task that Dask runs. Results are on disk and reported by events."""
    held = get_worker().plugins[plugin]
    assert isinstance(held, SlotPlugin), "the name belongs to the run's plugin"
    held.embed(WorkerId(device, incarnation), task)


async def deliver_mail(plugin: str, mail: bytes, dask_worker: Worker) -> None:
    """Deliver messages to a worker's slot; `Client.run` runs it there."""
    held: Any = dask_worker.plugins.get(plugin)
    if isinstance(held, SlotPlugin):
        await held.deliver(pickle.loads(mail))
