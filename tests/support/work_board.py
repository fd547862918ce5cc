"""A work board for tests: tasks in a list, and everything a worker said, to be waited for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as with_fields

from tui_balancer.leases import Directive, Share
from tui_balancer.samples import Telemetry
from tui_balancer.workers.wire.protocol import DeviceFacts, Task, TaskProgress, TaskResult, WorkerId

DEADLINE_SECONDS = 200.0


@dataclass
class ListBoard:
    """Hands out `tasks` in order; a task whose worker died is `put` again by the test.

    Attributes:
        tasks: Waiting, next first.
        order: The answer to every progress report.
        over: Whether takers are told to leave.
        hellos: Who said hello, with what.
        taken: Who took what.
        progress_reports: In the order they came.
        results: In the order they came.
        telemetry_reports: In the order they came.
        plans: What workers told about their batches, in the order they came.
        shares: The answers to who asks for a share, in order; then None.
        after_part: The answers to who is through with its share, in order.
        paused: Workers that wait for the end of a pause.
        idle: Workers that wait for work.
    """

    tasks: list[Task] = field(default_factory=list)
    order: Directive = Directive.CONTINUE
    over: bool = False
    hellos: list[tuple[WorkerId, DeviceFacts]] = field(default_factory=list)
    taken: list[tuple[WorkerId, Task]] = field(default_factory=list)
    progress_reports: list[TaskProgress] = field(default_factory=list)
    results: list[TaskResult] = field(default_factory=list)
    telemetry_reports: list[Telemetry] = field(default_factory=list)
    plans: list[tuple[float, ...]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    after_part: list[Directive] = field(default_factory=list)
    paused: set[WorkerId] = field(default_factory=set)
    idle: set[WorkerId] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is true of this board, or fail at the deadline."""
        with self.changed:
            assert self.changed.wait_for(holds, DEADLINE_SECONDS), f"never happened: {self}"

    def put(self, *tasks: Task) -> None:
        """Add tasks at the end."""
        with self.changed:
            self.tasks.extend(tasks)
            self.changed.notify_all()

    def end(self) -> None:
        """Let every taker leave."""
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def set_order(self, order: Directive) -> None:
        """Answer progress by this from now on."""
        with self.changed:
            self.order = order
            self.changed.notify_all()

    def hello(self, worker: WorkerId, facts: DeviceFacts) -> None:
        with self.changed:
            self.hellos.append((worker, facts))
            self.changed.notify_all()

    def take_nowait(self, worker: WorkerId) -> Task | None:
        with self.changed:
            if self.tasks:
                task = self.tasks.pop(0)
                self.taken.append((worker, task))
                self.changed.notify_all()
                return task
            if self.over:
                return None
            raise queue.Empty

    def peek(self, worker: WorkerId) -> Task | None:
        with self.changed:
            if not self.tasks:
                return None
            files = tuple(with_fields(file, outputs=()) for file in self.tasks[0].files)
            return replace(self.tasks[0], epoch=0, files=files)

    def wait_for_work(self, worker: WorkerId, timeout: float) -> None:
        with self.changed:
            self.idle.add(worker)
            self.changed.notify_all()
            self.changed.wait_for(lambda: bool(self.tasks) or self.over, timeout)
            self.idle.discard(worker)

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Directive:
        with self.changed:
            self.progress_reports.append(progress)
            self.changed.notify_all()
            return self.order

    def planned(self, worker: WorkerId, unit_id: int, epoch: int, costs: Sequence[float]) -> None:
        with self.changed:
            self.plans.append(tuple(costs))
            self.changed.notify_all()

    def share(self, worker: WorkerId, unit_id: int, epoch: int) -> Share | None:
        with self.changed:
            return self.shares.pop(0) if self.shares else None

    def part_done(
        self, worker: WorkerId, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        with self.changed:
            return self.after_part.pop(0)

    def wait_while_paused(self, worker: WorkerId, timeout: float) -> Directive:
        with self.changed:
            self.paused.add(worker)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.order is not Directive.PAUSE, timeout)
            if self.order is not Directive.PAUSE:
                self.paused.discard(worker)
            return self.order

    def finish(self, worker: WorkerId, result: TaskResult) -> None:
        with self.changed:
            self.results.append(result)
            self.changed.notify_all()

    def telemetry(self, worker: WorkerId, telemetry: Telemetry) -> None:
        with self.changed:
            self.telemetry_reports.append(telemetry)
            self.changed.notify_all()
