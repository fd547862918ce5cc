"""A simulated worker: takes leases, computes, reports, and follows directives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappush
from math import ceil, inf
from typing import TypeAlias

from tui_balancer.leases import Directive, Progress, Spans
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.event_log import EventSink
from tui_balancer.scheduler.model import Lease, ReturnCause, Unit
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.splitting.cut import HAND_OVER_SECONDS

GONE = -1
"""Incarnation of a worker that does not return; its older events have no effect."""

ANY = 0
"""Matches any incarnation."""

Scheduled: TypeAlias = "tuple[float, int, SimulatedWorker, int, Callable[[], None]]"
"""The moment, the number of the event, its worker, the incarnation, and what happens."""


class World:
    """The shared state of the workers of a simulated run.

    Attributes:
        rules: How the run is balanced.
        stopwatch: Real clock in seconds, to time decisions with; None times nothing.
        now: Virtual seconds since the run began.
        events: A heap of future events; simultaneous ones in order of creation.
        idle: Workers without work, by position.
        held: Paused workers, by position.
        kept: The computed batches of each running unit.
        decisions: Real seconds of every check of an idle worker for work in other queues.
        changes: How often a worker has changed its model.
    """

    def __init__(
        self,
        devices: Sequence[SimulatedDevice],
        rules: Rules,
        stopwatch: Callable[[], float] | None,
        sink: EventSink | None,
    ) -> None:
        self.rules = rules
        self.stopwatch = stopwatch
        self.now = 0.0
        self.coordinator = WorkStealingCoordinator(
            [device.spec for device in devices],
            policy=rules.policy,
            stealing=rules.stealing,
            splitting=rules.batch_cost < inf,
            clock=lambda: self.now,
            sink=sink,
            models=rules.models,
        )
        self.changes = 0
        self.events: list[Scheduled] = []
        self.idle: dict[int, SimulatedWorker] = {}
        self.held: dict[int, SimulatedWorker] = {}
        self.kept: dict[int, set[int]] = {}
        self.decisions: list[float] = []
        self._made = 0

    def schedule(
        self, moment: float, worker: SimulatedWorker, incarnation: int, action: Callable[[], None]
    ) -> None:
        """Schedule an event of a worker, void if it has another incarnation by then."""
        self._made += 1
        heappush(self.events, (moment, self._made, worker, incarnation, action))

    def batches(self, unit: Unit) -> int:
        """Return the number of batches of a unit."""
        return max(1, ceil(unit.cost / self.rules.batch_cost))


class SimulatedWorker:
    """A worker process and its successors on the same device.

    Attributes:
        position: In device order.
        incarnation: Number of processes so far on this device.
    """

    def __init__(self, world: World, device: SimulatedDevice, position: int) -> None:
        self.device = device
        self.position = position
        self.incarnation = 0
        self._world = world
        self._coordinator = world.coordinator
        self._lease: Lease | None = None
        # Start of its unit, or of the batch in flight; the FLOPs and seconds are of the lease.
        self._since = self._work = self._seconds = 0.0
        self._batch: int | None = None
        # Its batches; None in a unit that is not split.
        self._spans: Spans | None = None
        # Whether it expects to finish its unit.
        self._whole = True
        self._held_since = 0.0
        self._checks_at: float | None = None
        self._model = 0

    @property
    def name(self) -> str:
        """The id of its device."""
        return self.device.spec.device

    def start(self) -> None:
        """Start a process, which loads its model."""
        self.incarnation = self._coordinator.worker_starting(self.name)
        self._model = self._coordinator.model_of(self.name)
        self._schedule(self._world.now + self.device.load_seconds, self._ready)

    def die(self) -> None:
        """End the process, and start another one if needed."""
        self._world.idle.pop(self.position, None)
        self._world.held.pop(self.position, None)
        self._lease = None
        if self._coordinator.worker_died(self.name, self.incarnation, "simulated"):
            self.start()
        else:
            self.incarnation = GONE

    def resume(self, directive: Directive) -> None:
        """Follow a directive after a pause."""
        self._since += self._world.now - self._held_since
        self._obey(directive)

    def take(self) -> None:
        """Request work, and start it or become idle."""
        queue_was_empty = not self._coordinator.queue_length(self.name)
        began = self._world.stopwatch() if self._world.stopwatch else 0.0
        lease = self._coordinator.take(self.name, self.incarnation)
        if self._world.stopwatch and queue_was_empty:
            self._world.decisions.append(self._world.stopwatch() - began)
        if lease is None:
            over = self._coordinator.over
            if not over and self._coordinator.finished_for(self.name, self.incarnation):
                self.die()
                return
            self._world.idle[self.position] = self
            check = self._coordinator.next_check(self.name)
            if check is not None and check != self._checks_at:
                self._checks_at = check
                self._schedule(max(check, self._world.now), self._check)
            return
        self._world.idle.pop(self.position, None)
        self._lease, self._since = lease, self._world.now
        self._work = self._seconds = 0.0
        self._batch, self._whole = None, lease.spans is None
        if lease.unit.model == self._model:
            self._begin(lease)
            return
        self._model = lease.unit.model
        self._world.changes += 1
        seconds = self._world.rules.models[self._model].load_seconds
        self._schedule(self._world.now + seconds, lambda: self._changed(lease))

    def _ready(self) -> None:
        self._say_ready()
        self.take()

    def _changed(self, lease: Lease) -> None:
        """Begin a lease whose model was loaded for it."""
        self._say_ready()
        self._since = self._world.now
        self._begin(lease)

    def _say_ready(self) -> None:
        seconds = self._world.rules.models[self._model].load_seconds
        self._coordinator.worker_ready(self.name, self.incarnation, None, self._model, seconds)

    def _check(self) -> None:
        if self.position in self._world.idle:
            self._checks_at = None
            self.take()

    def _begin(self, lease: Lease) -> None:
        count = self._world.batches(lease.unit)
        if count < 2:
            self._spans = None
            self._compute_whole()
            return
        self._spans = ((0, count),) if lease.spans is None else lease.spans
        kept = self._world.kept.setdefault(lease.unit.unit_id, set())
        if lease.spans is not None:
            self._since += HAND_OVER_SECONDS
        cost = lease.unit.cost / count
        self._coordinator.learn_batches(
            *self._address(), [0.0 if n in kept else cost for n in range(count)]
        )
        self._next_batch()

    def _address(self) -> tuple[str, int, int, int]:
        lease = self._lease
        assert lease is not None, "only who has a lease speaks of it"
        return self.name, self.incarnation, lease.unit.unit_id, lease.epoch

    def _next_batch(self) -> None:
        """Start the next missing batch, or end the part or the unit."""
        lease = self._lease
        assert lease is not None, "batches belong to a lease"
        kept = self._world.kept.setdefault(lease.unit.unit_id, set())
        spans = self._spans or ()
        batch = next((n for first, end in spans for n in range(first, end) if n not in kept), None)
        if batch is None:
            self._through()
            return
        self._batch = batch
        self._spans = _from(spans, batch)
        cost = lease.unit.cost / self._world.batches(lease.unit)
        self._schedule(self.device.speed.finish(self._since, cost), self._end_batch)

    def _end_batch(self) -> None:
        lease, batch = self._lease, self._batch
        assert lease is not None, "batches belong to a lease"
        assert batch is not None, "a batch was in flight"
        self._count()
        self._since = self._world.now
        self._work += lease.unit.cost / self._world.batches(lease.unit)
        self._world.kept.setdefault(lease.unit.unit_id, set()).add(batch)
        directive = self._coordinator.report_progress(
            *self._address(), _progress(lease, self._work), batch
        )
        self._obey(directive)

    def _through(self) -> None:
        if self._whole:
            self._finish()
        else:
            address, seconds = self._address(), self._seconds
            self._obey(self._coordinator.finish_part(*address, seconds))

    def _obey(self, directive: Directive) -> None:
        if directive is Directive.PAUSE:
            self._world.held[self.position] = self
            self._held_since = self._world.now
            return
        if directive is Directive.RESHARE:
            share = self._coordinator.share(*self._address())
            assert share is not None, "a worker that shall ask has a share"
            self._whole = share.spans is None
            self._spans = share.spans or ()
        elif directive in (Directive.ABANDON, Directive.RELEASE):
            # Has no effect if the lease is already over.
            self._coordinator.return_lease(*self._address(), ReturnCause.STOPPED)
            self._lease = None
            self.take()
            return
        if self._spans is None:
            self._compute_whole()
        else:
            self._next_batch()

    def _compute_whole(self) -> None:
        assert self._lease is not None, "a worker computes its lease"
        end = self.device.speed.finish(self._since, self._lease.unit.cost)
        report = self._world.now + self._world.rules.report_seconds
        if end <= report:
            self._schedule(end, self._finish_whole)
        else:
            self._schedule(report, self._report_whole)

    def _report_whole(self) -> None:
        assert self._lease is not None, "a worker reports on its lease"
        done = _progress(self._lease, self.device.speed.work(self._since, self._world.now))
        self._obey(self._coordinator.report_progress(*self._address(), done))

    def _finish_whole(self) -> None:
        self._count()
        self._finish()

    def _count(self) -> None:
        """Count the time since the start of a batch or a whole unit."""
        self._seconds += self._world.now - self._since

    def _finish(self) -> None:
        device, incarnation, unit_id, epoch = self._address()
        self._world.kept.pop(unit_id, None)
        self._lease = None
        if self._coordinator.begin_completion(device, incarnation, unit_id, epoch):
            self._coordinator.record_file_completion(unit_id, epoch, self._seconds)
        if not self._coordinator.over:
            self.take()

    def _schedule(self, moment: float, action: Callable[[], None]) -> None:
        self._world.schedule(moment, self, self.incarnation, action)


def _progress(lease: Lease, work: float) -> Progress:
    unit = lease.unit
    share = min(1.0, work / unit.cost)
    return Progress(int(share * unit.sequences), int(share * unit.residues), work)


def _from(spans: Spans, batch: int) -> Spans:
    """Return spans from a batch on: those before it are kept."""
    for position, (first, end) in enumerate(spans):
        if first <= batch < end:
            return ((batch, end), *spans[position + 1 :])
    return spans
