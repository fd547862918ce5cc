"""What runs in a Dask worker's process: a plugin that holds the slot, and the task of a lease.

Nothing here imports torch before the process is asked to look at its GPUs or to open a slot.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import available_memory, describe_processor, usable_cores
from tui_balancer.engines.dask_board import NodeBoard
from tui_balancer.engines.dask_words import (
    Answer,
    Close,
    Joined,
    Mail,
    NodeReport,
    Open,
    Ordered,
    Unfit,
    Word,
    pack,
)
from tui_balancer.versions import versions
from tui_balancer.workers.memory import keep_freed_memory
from tui_balancer.workers.protocol import WorkerId, WorkerSetup

if TYPE_CHECKING:
    from tui_balancer.workers.slot import Slot

NODE_VARIABLE = "TUI_BALANCER_NODE"
"""Environment variable that names a node otherwise than by its host name."""

VISIBLE_SECONDS = 10.0
"""How long a shared file system may take to show a node what was written just now."""

_LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What a node is to look at.

    Attributes:
        token: A file in the run folder, written just now.
        content: What it must hold: the same path on another disk is another folder.
        paths: What must be there, each with its size in bytes, or -1 for a folder.
        processor_only: Whether GPUs do not matter.
    """

    token: Path
    content: str
    paths: tuple[tuple[Path, int], ...]
    processor_only: bool


def look_around(look: Look, worker: Worker) -> NodeReport:
    """Return what a worker's process sees; imports torch where GPUs matter."""
    devices: tuple[DeviceInfo, ...] = (describe_processor(),)
    if not look.processor_only:
        from tui_balancer.devices.discovery import discover

        devices = discover()
    return NodeReport(
        address=worker.address,
        worker=str(worker.name),
        node=os.environ.get(NODE_VARIABLE) or socket.gethostname().partition(".")[0],
        pid=os.getpid(),
        versions=versions(),
        unseen=tuple(_unseen(look)),
        devices=devices,
        cores=usable_cores(),
        memory=available_memory(),
    )


async def look_here(look: Look, dask_worker: Worker) -> NodeReport:
    """Return what a worker's process sees; `Client.run` runs it there."""
    return await asyncio.to_thread(look_around, look, dask_worker)


def _unseen(look: Look) -> list[str]:
    """Return the paths that are not there, or are others, each with the reason."""
    deadline = time.monotonic() + VISIBLE_SECONDS
    while problem := _token_problem(look):
        if time.monotonic() > deadline:
            return [f"{look.token.parent} ({problem})"]
        time.sleep(_LOOK_SECONDS)
    unseen = []
    for path, size in look.paths:
        try:
            found = path.stat().st_size
        except OSError as error:
            unseen.append(f"{path} ({error.strerror})")
        else:
            if size >= 0 and found != size:
                unseen.append(f"{path} ({found:,} bytes, not {size:,})")
    return unseen


def _token_problem(look: Look) -> str:
    try:
        content = look.token.read_text()
    except OSError as error:
        return error.strerror or str(error)
    if content != look.content:
        return "another folder of that name"
    return "" if os.access(look.token.parent, os.W_OK) else "it cannot be written"


class SlotPlugin(WorkerPlugin):
    """Holds the slot of a Dask worker for one run: one device, its model loaded once.

    It comes with the worker, also with one that joins later or after a restart, and tells the app
    that it is there. The app then decides which device it gets.
    """

    def __init__(self, name: str, look: Look) -> None:
        """Take a name of the run's own, which is the topic of its words too."""
        self.name = name
        self._look = look

    async def setup(self, worker: Worker) -> None:
        """Begin in a worker: tell the app what is here."""
        self._worker = worker
        # Opens and closes one after the other.
        self._doorman = ThreadPoolExecutor(1, thread_name_prefix="slot")
        self._slot: Slot | None = None
        self._board: NodeBoard | None = None
        self._setup: WorkerSetup | None = None
        self._log_handler: logging.Handler | None = None
        report = await asyncio.to_thread(look_around, self._look, worker)
        self._send((Joined(report),))

    def teardown(self, worker: Worker) -> None:
        """End in a worker: the run is over, or the worker is."""
        self._let_go()

    async def deliver(self, mail: Mail) -> None:
        """Take in what the app says."""
        if isinstance(mail, Open):
            await self._worker.set_resources(**{resource(mail.setup.worker.device): 1})
            self._let_go()
            self._setup = mail.setup
            self._board = NodeBoard(mail.setup.worker, self._send)
            self._doorman.submit(self._open, mail.setup, self._board)
        elif self._setup is None or mail.worker != self._setup.worker or self._board is None:
            _log.info("%s: not this slot's any more", mail.worker)
        elif isinstance(mail, Close):
            self._let_go()
        elif isinstance(mail, Ordered | Answer):
            self._board.deliver(mail)

    def embed(self, worker: WorkerId, task: bytes) -> None:
        """Embed a lease, in a thread of Dask's.

        Raises:
            LookupError: The slot that it was for is not here any more.
            RuntimeError: The slot cannot go on.
        """
        slot, setup = self._slot, self._setup
        if slot is None or setup is None or setup.worker != worker:
            raise LookupError(f"{worker} is not here")
        try:
            slot.embed(pickle.loads(task))
        except Exception as error:
            _log.exception("the slot of %s is broken", setup.worker.device)
            raise RuntimeError(f"{_words(error)}: see {setup.log.name}") from None

    def _open(self, setup: WorkerSetup, board: NodeBoard) -> None:
        """Load the model, which takes a while."""
        try:
            self._log_to(setup.log)
            keep_freed_memory()
            from tui_balancer.workers.slot import Slot

            # Known before it is opened: a lease may come as soon as the app has heard of it.
            self._slot = Slot(setup, board)
            self._slot.open()
        except Exception as error:
            _log.exception("the slot of %s cannot be opened", setup.worker.device)
            self._send((Unfit(setup.worker, _words(error)),))

    def _let_go(self) -> None:
        """Close the slot, beside the event loop: a batch may be in flight."""
        if self._board is not None:
            self._board.close()
            self._board = None
            self._doorman.submit(self._close)

    def _close(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.close()

    def _send(self, words: tuple[Word, ...]) -> None:
        self._worker.log_event(self.name, pack(words))

    def _log_to(self, path: Path) -> None:
        """Have this program's log of this process written into the run folder."""
        logger = logging.getLogger("tui_balancer")
        if self._log_handler is not None:
            logger.removeHandler(self._log_handler)
        self._log_handler = logging.FileHandler(path)
        self._log_handler.setFormatter(
            logging.Formatter(f"%(asctime)s {os.getpid()} %(levelname)s %(message)s")
        )
        logger.addHandler(self._log_handler)
        logger.setLevel(logging.INFO)


def resource(device: str) -> str:
    """Return the name of a slot as a resource of Dask's.

    Leases go where it is: the address of a worker changes with every restart.
    """
    return f"tui-balancer:{device}"


def embed_lease(plugin: str, device: str, incarnation: int, task: bytes) -> None:
    """Embed a lease: the task that Dask runs. What becomes of it is on disk and told by events."""
    held = get_worker().plugins[plugin]
    assert isinstance(held, SlotPlugin), "the name belongs to the run's plugin"
    held.embed(WorkerId(device, incarnation), task)


async def deliver_mail(plugin: str, mail: bytes, dask_worker: Worker) -> None:
    """Hand mail to a worker's slot; `Client.run` runs it there."""
    held: Any = dask_worker.plugins.get(plugin)
    if isinstance(held, SlotPlugin):
        await held.deliver(pickle.loads(mail))


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
