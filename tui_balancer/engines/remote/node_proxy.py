"""The node's proxy of the board: sends messages without waiting, and keeps orders in a mailbox."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import cast

from tui_balancer.engines.remote.messages import Answer, Ordered, Said, Word
from tui_balancer.leases import Directive, Share
from tui_balancer.samples import Telemetry
from tui_balancer.workers.wire.protocol import DeviceFacts, Task, TaskProgress, TaskResult, WorkerId

SEND_SECONDS = 0.1
"""Minimum seconds between progress messages: a thousand fast GPUs share one scheduler."""

ANSWER_SECONDS = 120.0
"""Maximum seconds for an answer of the app: the scheduler may be busy, the app stopped."""

Send = Callable[[tuple[Word, ...]], None]
"""Sends messages to the app in order; thread-safe."""


class AppGone(OSError):
    """The app does not answer, or has closed the slot."""


class NodeProxy:
    """Implements `WorkerApi` on a node, for one slot.

    The device does not wait for the app after a batch: the app's orders take effect one batch
    later than on one machine. Only a unit that several devices share needs calls with answers.

    Args:
        worker: Worker of the slot.
        send: See `Send`.
        clock: Seconds that never go back.
    """

    def __init__(
        self, worker: WorkerId, send: Send, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._worker = worker
        self._send = send
        self._clock = clock
        self._changed = threading.Condition()
        self._unsent: list[Word] = []
        self._sent = clock() - SEND_SECONDS
        self._newest = 0
        self._orders: dict[tuple[int, int], Directive] = {}
        self._answers: dict[int, object] = {}
        self._calls = 0
        self._running: tuple[int, int] | None = None
        self._closed = False

    def deliver(self, mail: Ordered | Answer) -> None:
        """Handle a message of the app; called from Dask's event loop."""
        with self._changed:
            if isinstance(mail, Answer):
                self._answers[mail.call] = mail.value
            elif mail.number > self._newest:
                self._newest = mail.number
                self._orders = {(mail.unit_id, mail.epoch): mail.order}
            self._changed.notify_all()

    def close(self) -> None:
        """End the running lease at its next batch boundary; send nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def hello(self, worker: WorkerId, facts: DeviceFacts) -> None:
        """See `WorkerApi.hello`."""
        self._say("hello", facts)

    def take_nowait(self, worker: WorkerId) -> Task | None:
        """Return nothing: leases arrive as Dask tasks.

        Raises:
            queue.Empty: Always.
        """
        raise queue.Empty

    def peek(self, worker: WorkerId) -> Task | None:
        """None: the next task is not known in advance."""
        return None

    def wait_for_work(self, worker: WorkerId, timeout: float) -> None:
        """See `WorkerApi.wait_for_work`; there is nothing to wait for here."""

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Directive:
        """See `WorkerApi.progress`; the order is the newest that has come, at most once each."""
        lease = (progress.unit_id, progress.epoch)
        self._say("progress", progress, hold=not progress.computed)
        with self._changed:
            self._running = None if progress.computed else lease
            return (
                Directive.ABANDON if self._closed else self._orders.pop(lease, Directive.CONTINUE)
            )

    def planned(self, worker: WorkerId, unit_id: int, epoch: int, costs: Sequence[float]) -> None:
        """See `WorkerApi.planned`."""
        self._say("planned", unit_id, epoch, costs)

    def share(self, worker: WorkerId, unit_id: int, epoch: int) -> Share | None:
        """See `WorkerApi.share`."""
        return cast("Share | None", self._ask("share", unit_id, epoch))

    def part_done(
        self, worker: WorkerId, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        """See `WorkerApi.part_done`."""
        return cast(Directive, self._ask("part_done", unit_id, epoch, compute_seconds))

    def wait_while_paused(self, worker: WorkerId, timeout: float) -> Directive:
        """See `WorkerApi.wait_while_paused`."""
        with self._changed:
            lease = self._running
            if lease is None or self._closed:
                return Directive.ABANDON
            if self._orders.get(lease, Directive.PAUSE) is Directive.PAUSE:
                self._changed.wait(timeout)
            if self._orders.get(lease, Directive.PAUSE) is Directive.PAUSE:
                return Directive.ABANDON if self._closed else Directive.PAUSE
            return self._orders.pop(lease)

    def finish(self, worker: WorkerId, result: TaskResult) -> None:
        """See `WorkerApi.finish`."""
        self._say("finish", result)

    def telemetry(self, worker: WorkerId, telemetry: Telemetry) -> None:
        """See `WorkerApi.telemetry`."""
        self._say("telemetry", telemetry)

    def _ask(self, method: str, *args: object) -> object:
        """Call the app's board and wait for the answer.

        Raises:
            AppGone: There is no answer.
        """
        with self._changed:
            self._calls += 1
            call = self._calls
        self._say(method, *args, call=call)
        with self._changed:
            self._changed.wait_for(
                lambda: call in self._answers or self._closed, timeout=ANSWER_SECONDS
            )
            if call not in self._answers:
                raise AppGone("the app does not answer")
            return self._answers.pop(call)

    def _say(self, method: str, *args: object, call: int = 0, hold: bool = False) -> None:
        """Send a message with those delayed before it; or delay it, if some were just sent."""
        with self._changed:
            if self._closed:
                return
            self._unsent.append(Said(self._worker, method, args, call))
            if hold and self._clock() < self._sent + SEND_SECONDS:
                return
            self._sent = self._clock()
            words, self._unsent = tuple(self._unsent), []
            # Under the lock, so that no later message overtakes these.
            self._send(words)
