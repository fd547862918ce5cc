"""The queues that the workers share, served from the app process over a local socket.

A worker that takes a task calls the app's board, which leases it in the same step; nothing is in
a pipe or in a worker's memory that a `kill -9` could lose.
"""

from __future__ import annotations

import queue
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import cast

from tui_balancer.leases import Directive, Share
from tui_balancer.samples import Telemetry
from tui_balancer.workers.wire.peers import require_same_user
from tui_balancer.workers.wire.protocol import (
    DeviceFacts,
    Task,
    TaskProgress,
    TaskResult,
    WorkerApi,
    WorkerId,
)
from tui_balancer.workers.wire.socket_folder import private_folder

BOARD = "board"
"""Name of the board in the manager."""

BOARD_METHODS = tuple(name for name in vars(WorkerApi) if not name.startswith("_"))
"""All methods that a worker may call."""

_WAIT_SECONDS = 1.0


class WorkQueue:
    """One worker's end of the shared queues.

    Every thread gets its own connection, so a waiting call does not block others. Every method
    raises `EOFError` or `OSError` when the app is gone.
    """

    def __init__(self, board: WorkerApi, worker: WorkerId) -> None:
        self._board = board
        self._worker = worker

    def hello(self, facts: DeviceFacts) -> None:
        """Report that the model is ready."""
        self._board.hello(self._worker, facts)

    def get_nowait(self) -> Task | None:
        """Lease and return the next task in one step; None when the run is over.

        Raises:
            queue.Empty: There is no task for this worker now.
        """
        return self._board.take_nowait(self._worker)

    def peek(self) -> Task | None:
        """Return the probable next task without taking it."""
        return self._board.peek(self._worker)

    def take(self, on_empty: Callable[[], None] = lambda: None) -> Task | None:
        """Wait for the next task; None when the run is over.

        Args:
            on_empty: Called about once a second while there is no task.
        """
        while True:
            try:
                return self.get_nowait()
            except queue.Empty:
                on_empty()
                self._board.wait_for_work(self._worker, _WAIT_SECONDS)

    def progress(self, progress: TaskProgress) -> Directive:
        """Report a batch and return the next directive."""
        return self._board.progress(self._worker, progress)

    def planned(self, task: Task, costs: Sequence[float]) -> None:
        """Report the costs of a unit's batches, before the first one is computed."""
        self._board.planned(self._worker, task.unit_id, task.epoch, costs)

    def share(self, task: Task) -> Share | None:
        """Request the share of a task's unit; None if the task was withdrawn."""
        return self._board.share(self._worker, task.unit_id, task.epoch)

    def part_done(self, task: Task, compute_seconds: float) -> Directive:
        """Report that all batches of a share are done, and return the next directive."""
        return self._board.part_done(self._worker, task.unit_id, task.epoch, compute_seconds)

    def wait_while_paused(self) -> Directive:
        """Wait until the pause is over, and return the next directive."""
        while True:
            order = self._board.wait_while_paused(self._worker, _WAIT_SECONDS)
            if order is not Directive.PAUSE:
                return order

    def finish(self, result: TaskResult) -> None:
        """Return a finished task."""
        self._board.finish(self._worker, result)

    def telemetry(self, telemetry: Telemetry) -> None:
        """Report the current state of the device."""
        self._board.telemetry(self._worker, telemetry)


@dataclass(frozen=True, slots=True)
class SharedWorkQueues:
    """The address and the key of the shared queues.

    Attributes:
        address: A unix socket in a folder that only its owner may enter.
        authkey: The key; without it the server closes the connection.
    """

    address: str
    authkey: bytes = field(repr=False)

    @property
    def folder(self) -> Path:
        """The folder of the socket, which ends with the app."""
        return Path(self.address).parent

    def connect(self, worker: WorkerId) -> WorkQueue:
        """Connect a worker.

        Raises:
            multiprocessing.AuthenticationError: The key is wrong.
            OSError: There is no server.
        """

        class QueueClient(BaseManager):
            """A manager with the board's name; the server reports its methods."""

        QueueClient.register(BOARD)
        client = QueueClient(address=self.address, authkey=self.authkey)
        client.connect()
        return WorkQueue(cast(WorkerApi, getattr(client, BOARD)()), worker)


class _OwnListener:
    """Accepts only processes of this user, before reading any bytes.

    Their data is unpickled only after they prove that they have the key.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def accept(self) -> Connection:
        """Return the next connection; raises OSError for one that is refused."""
        connection = self._listener.accept()
        peer = socket.socket(fileno=connection.fileno())
        try:
            require_same_user(peer)
        except OSError:
            connection.close()
            raise
        finally:
            peer.detach()
        return connection


def create_shared_work_queues(board: WorkerApi) -> tuple[SharedWorkQueues, BaseManager]:
    """Serve a board to the workers, from a thread of this process, until the process ends.

    Args:
        board: Answers the workers; called from one thread per connection.

    Returns:
        The address, and the manager: keep it as long as the queues are used.
    """

    class QueueManager(BaseManager):
        """Serves only this board: a manager's registry belongs to its class."""

    QueueManager.register(BOARD, callable=lambda: board, exposed=BOARD_METHODS)
    folder = private_folder()
    authkey = secrets.token_bytes(32)
    manager = QueueManager(address=str(folder / "queues"), authkey=authkey)
    server = manager.get_server()
    server.listener = _OwnListener(server.listener)  # type: ignore[attr-defined]
    # An extra reference: if the last proxy were dropped while another is made, the server would
    # drop the board in between.
    server.create(None, BOARD)  # type: ignore[arg-type]
    # Its shutdown would restore the process's original stdout and stderr under a running screen,
    # and closing only the listener makes its accepting thread spin. So it serves to the end.
    threading.Thread(target=server.serve_forever, name="shared-queues", daemon=True).start()
    address = server.address
    assert isinstance(address, str)
    return SharedWorkQueues(address, authkey), manager
