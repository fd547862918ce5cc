"""The app's side of a slot: forwards its messages to the board, and leases to its node."""

from __future__ import annotations

import itertools
import logging
import pickle
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from distributed import Client, Future, KilledWorker

from tui_balancer.engines.dask.plugin import deliver_mail, embed_lease, resource
from tui_balancer.engines.remote.messages import (
    Answer,
    Close,
    Mail,
    NodeReport,
    Open,
    Ordered,
    Said,
)
from tui_balancer.engines.worker_end import Cause, WorkerEnd
from tui_balancer.errors import one_line
from tui_balancer.leases import Directive
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import DeviceFacts, Task, TaskProgress, WorkerApi, WorkerId
from tui_balancer.workers.wire.queues import WorkQueue

_log = logging.getLogger(__name__)

_LAST_WORDS_SECONDS = 5.0
"""Seconds for the board to handle a lost worker's last messages; a full disk may delay it."""

_Facts = tuple[DeviceFacts]
_Progress = tuple[TaskProgress]

_CALLS = frozenset({"share", "part_done"})
"""A call of a slot that awaits an answer."""


@dataclass(eq=False, slots=True)
class _Lease:
    """A lease on a node.

    Attributes:
        task: The leased task.
        future: Dask's side of it.
        free: Whether the device is free for the next lease: all is computed, or it has failed.
        over: Whether Dask has finished it.
        held: Whether a person has paused it.
    """

    task: Task
    future: Future | None = None
    free: bool = False
    over: bool = False
    held: bool = False


class AppSlot:
    """Acts for a remote worker as the worker itself would on this machine.

    One thread takes leases from the board and sends them to the node, one at a time: the next
    when the last is computed, while its outputs are written. Another forwards the node's messages
    to the board in order. At the end of the run the first thread reports it and ends.

    Args:
        client: The connection to the scheduler.
        plugin: Name of the run's plugin.
        board: The app's board.
        report: Report of its process.
        is_refused: Returns whether the node's facts after loading the model exclude it.
        on_end: Called with this slot when its node cannot continue, or when the run has ended and
            nothing runs there any more.
    """

    def __init__(
        self,
        client: Client,
        plugin: str,
        board: WorkerApi,
        report: NodeReport,
        setup: WorkerSetup,
        is_refused: Callable[[AppSlot, DeviceFacts], bool],
        on_end: Callable[[AppSlot, WorkerEnd], None],
    ) -> None:
        self.report = report
        self.worker: WorkerId = setup.worker
        self._setup = setup
        self._client = client
        self._plugin = plugin
        self._board = board
        self._is_refused = is_refused
        self._on_end = on_end
        self._changed = threading.Condition()
        self._leases: list[_Lease] = []
        self._gone = self._retired = False
        self._orders = itertools.count(1)
        self._words: queue.SimpleQueue[Said | _Lease | None] = queue.SimpleQueue()
        self._heard = threading.Event()
        self._welcome = False

    def model_sha256(self, number: int) -> str:
        """Return the SHA-256 of a model's weights; empty if not known beforehand."""
        return self._setup.with_model(number).model.sha256

    @property
    def _over(self) -> bool:
        """Whether its worker cannot get leases any more."""
        return self._gone or self._retired

    @property
    def idle(self) -> bool:
        """Whether it has no lease."""
        return not self._leases

    def open(self) -> None:
        """Make the node load the model; return at once."""
        self._post(Open(self._setup))
        threading.Thread(target=self._hear, name=f"words {self.worker.device}", daemon=True).start()

    def hear(self, word: Said) -> None:
        """Queue a message of the node; return at once."""
        self._words.put(word)

    def retire(self) -> None:
        """Take no more leases: its worker is gone, and its end will be reported soon."""
        with self._changed:
            self._retired = True
            self._changed.notify_all()

    def lose(self) -> None:
        """Release a slot whose worker is gone, after the board has handled its last messages."""
        with self._changed:
            self._gone = True
            futures = [lease.future for lease in self._leases if lease.future is not None]
            self._changed.notify_all()
        if futures:
            self._do(self._client._cancel, futures, force=True)
        self._words.put(None)
        self._heard.wait(_LAST_WORDS_SECONDS)

    def close(self) -> None:
        """Make the node release the device after the batch in flight."""
        self._post(Close(self.worker))
        self.lose()

    def _hear(self) -> None:
        """Forward messages to the board, and end leases after their last messages."""
        while (word := self._words.get()) is not None:
            if isinstance(word, _Lease):
                with self._changed:
                    word.over = True
                    self._leases.remove(word)
                    self._changed.notify_all()
                continue
            if word.method == "hello" and self._is_refused(self, *cast(_Facts, word.args)):
                continue
            answer = getattr(self._board, word.method)(self.worker, *word.args)
            if word.method in _CALLS:
                self._post(Answer(self.worker, word.call, answer))
            elif word.method == "hello" and not self._welcome:
                self._welcome = True
                threading.Thread(
                    target=self._work, name=f"leases {self.worker.device}", daemon=True
                ).start()
            elif word.method == "progress":
                self._follow(*cast(_Progress, word.args), answer)
        self._heard.set()

    def _follow(self, progress: TaskProgress, order: Directive) -> None:
        """Forward the board's orders; a computed lease frees the device."""
        if order is not Directive.CONTINUE:
            self._order(progress.unit_id, progress.epoch, order)
        with self._changed:
            for lease in self._leases:
                if (lease.task.unit_id, lease.task.epoch) == (progress.unit_id, progress.epoch):
                    lease.free = lease.free or progress.computed
                    lease.held = order is Directive.PAUSE and not progress.computed
            self._changed.notify_all()

    def _work(self) -> None:
        """Take leases until the board reports the end of the run."""
        leases = WorkQueue(self._board, self.worker)
        while not self._over and (task := leases.take()) is not None:
            lease = _Lease(task)
            self._bring(lease)
            self._attend(lease, leases)
        with self._changed:
            self._changed.wait_for(lambda: self._over or not self._leases)
            if self._over:
                return
        self._on_end(self, WorkerEnd(Cause.LEFT))

    def _bring(self, lease: _Lease) -> None:
        """Submit a lease to Dask."""
        task = lease.task
        with self._changed:
            if self._gone:
                return
            self._leases.append(lease)
        future = self._client.submit(
            embed_lease,
            self._plugin,
            self.worker.device,
            self.worker.incarnation,
            pickle.dumps(task),
            key=f"{self._plugin}-{task.unit_id}-{task.epoch}",
            resources={resource(self.worker.device): 1},
            retries=0,
            pure=False,
        )
        lease.future = future
        future.add_done_callback(lambda done: self._ended(lease, done))

    def _attend(self, lease: _Lease, leases: WorkQueue) -> None:
        """Wait until the device is free for another lease, also through a pause."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or lease.free or lease.over or lease.held)
                if self._over or lease.free or lease.over:
                    return
            order = leases.wait_while_paused()
            with self._changed:
                lease.held = False
            self._order(lease.task.unit_id, lease.task.epoch, order)

    def _ended(self, lease: _Lease, future: Future) -> None:
        """Release a lease that Dask has finished; called from one of the client's threads.

        One that did not finish has lost its worker or the scheduler, which the engine detects.
        """
        problem = future.exception() if future.status == "error" else None
        finished = future.status == "finished"
        future.release()
        lease.future = None
        if finished:
            self._words.put(lease)
        elif problem is not None and not isinstance(problem, KilledWorker):
            self._on_end(self, WorkerEnd(Cause.FAILED, one_line(problem)))

    def _order(self, unit_id: int, epoch: int, order: Directive) -> None:
        self._post(Ordered(self.worker, next(self._orders), unit_id, epoch, order))

    def _post(self, mail: Mail) -> None:
        """Send a message to the node without waiting for its arrival."""
        self._do(
            self._client._run,
            deliver_mail,
            self._plugin,
            pickle.dumps(mail),
            workers=[self.report.address],
            wait=False,
            on_error="ignore",
        )

    def _do(self, ask: Callable[..., Any], *args: object, **options: object) -> None:
        """Send a request to the scheduler; the engine watches whether it is alive."""

        async def asked() -> None:
            try:
                await ask(*args, **options)
            except Exception as problem:
                _log.info("%s: %s: %s", self.worker, ask.__name__, problem)

        self._client.loop.add_callback(asked)
