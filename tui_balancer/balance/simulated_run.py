"""One simulated run: workers as events around a coordinator, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil, inf

from tui_balancer.balance.coordinator import WorkStealingCoordinator
from tui_balancer.balance.event_log import Journal
from tui_balancer.balance.model import (
    Directive,
    Lease,
    Progress,
    Unit,
)
from tui_balancer.balance.parts import Spans
from tui_balancer.balance.simulated_devices import Rules, SimulatedDevice, SimulationResult
from tui_balancer.balance.splitting import HAND_OVER_SECONDS

GONE = -1
"""Incarnation of a worker that does not come back; events of its former self are void."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker process.

    Attributes:
        device: What it computes on.
        position: In device order.
        incarnation: How many there were on this device.
        lease: What it does.
        since: Start of its unit, or of the batch in flight.
        work: FLOPs that it has done of the lease.
        seconds: Time that it has computed for the lease.
        batch: The batch in flight; None within a unit that is not divided.
        spans: What it knows of its batches; None within such a unit.
        whole: Whether it brings its unit to an end, as far as it knows.
        held_since: When a person held it, last time.
        busy: Seconds that it has computed.
        looks_at: When it looks again for something to do.
    """

    device: SimulatedDevice
    position: int
    incarnation: int = 0
    lease: Lease | None = None
    since: float = 0.0
    work: float = 0.0
    seconds: float = 0.0
    batch: int | None = None
    spans: Spans | None = None
    whole: bool = True
    held_since: float = 0.0
    busy: float = 0.0
    looks_at: float | None = None

    @property
    def name(self) -> str:
        return self.device.spec.device


class SimulatedRun:
    """An event heap around a coordinator; an event is a moment, a worker and what it does."""

    def __init__(
        self,
        devices: Sequence[SimulatedDevice],
        rules: Rules,
        stopwatch: Callable[[], float] | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._now = 0.0
        self._rules = rules
        self._stopwatch = stopwatch
        self._decisions: list[float] = []
        self._splits = 0
        self.coordinator = WorkStealingCoordinator(
            [device.spec for device in devices],
            policy=rules.policy,
            stealing=rules.stealing,
            splitting=rules.batch_cost < inf,
            clock=lambda: self._now,
            journal=journal,
        )
        self._workers = [_Worker(device, position) for position, device in enumerate(devices)]
        self._events: list[tuple[float, int, _Worker, int, Callable[[_Worker], None]]] = []
        self._made = 0
        self._idle: dict[int, _Worker] = {}
        self._held: dict[int, _Worker] = {}
        self._woken_at = -1
        self._kept: dict[int, set[int]] = {}

    def run(self, units: Sequence[Unit]) -> SimulationResult:
        """Run all units to the end."""
        self.begin(units)
        self.advance(inf)
        metrics = self.coordinator.get_gpu_metrics()
        return SimulationResult(
            self._now,
            {worker.name: worker.busy for worker in self._workers},
            sum(row.stolen_to for row in metrics),
            self.coordinator.totals(),
            tuple(self._decisions),
            self._splits,
        )

    @property
    def now(self) -> float:
        """Virtual seconds since the run began."""
        return self._now

    def begin(self, units: Sequence[Unit]) -> None:
        """Distribute the units and start the workers."""
        self.coordinator.assign(units)
        for worker in self._workers:
            self._start(worker)
            for moment in worker.device.deaths:
                self._schedule(moment, worker, self._die, any_incarnation=True)

    def advance(self, until: float) -> None:
        """Let happen what happens up to a moment, unless the run is over before."""
        self._let_go()
        self._wake_the_idle()
        while self._events and self._events[0][0] <= until and not self.coordinator.over:
            self._now, _, worker, incarnation, action = heappop(self._events)
            if incarnation in (0, worker.incarnation):
                action(worker)
                self._wake_the_idle()
        if until < inf and not self.coordinator.over:
            self._now = until

    def _let_go(self) -> None:
        """Let workers go on that a person held."""
        for worker in list(self._held.values()):
            directive = self.coordinator.wait_while_paused(worker.name, worker.incarnation, 0.0)
            if directive is not Directive.PAUSE:
                del self._held[worker.position]
                worker.since += self._now - worker.held_since
                self._obey(worker, directive)

    def _schedule(
        self,
        moment: float,
        worker: _Worker,
        action: Callable[[_Worker], None],
        *,
        any_incarnation: bool = False,
    ) -> None:
        # Those of one moment happen in the order in which they were made.
        self._made += 1
        incarnation = 0 if any_incarnation else worker.incarnation
        heappush(self._events, (moment, self._made, worker, incarnation, action))

    def _start(self, worker: _Worker) -> None:
        worker.incarnation = self.coordinator.worker_starting(worker.name)
        self._schedule(self._now + worker.device.load_seconds, worker, self._ready)

    def _ready(self, worker: _Worker) -> None:
        self.coordinator.worker_ready(worker.name, worker.incarnation, None)
        self._take(worker)

    def _die(self, worker: _Worker) -> None:
        self._idle.pop(worker.position, None)
        self._held.pop(worker.position, None)
        worker.lease = None
        if self.coordinator.worker_died(worker.name, worker.incarnation, "simulated"):
            self._start(worker)
        else:
            worker.incarnation = GONE

    def _take(self, worker: _Worker) -> None:
        began = self._stopwatch() if self._stopwatch else 0.0
        hungry = not self.coordinator.queue_length(worker.name)
        lease = self.coordinator.take(worker.name, worker.incarnation)
        if self._stopwatch and hungry:
            self._decisions.append(self._stopwatch() - began)
        if lease is None:
            self._idle[worker.position] = worker
            look = self.coordinator.next_look(worker.name)
            if look is not None and look != worker.looks_at:
                worker.looks_at = look
                self._schedule(max(look, self._now), worker, self._look)
            return
        self._idle.pop(worker.position, None)
        worker.lease, worker.since = lease, self._now
        worker.work = worker.seconds = 0.0
        worker.batch, worker.whole = None, lease.spans is None
        self._begin(worker, lease)

    def _look(self, worker: _Worker) -> None:
        if worker.position in self._idle:
            worker.looks_at = None
            self._take(worker)

    def _wake_the_idle(self) -> None:
        version = self.coordinator.version
        if version == self._woken_at:
            return
        self._woken_at = version
        for worker in list(self._idle.values()):
            if self.coordinator.worth_asking(worker.name, worker.incarnation):
                self._take(worker)

    def _begin(self, worker: _Worker, lease: Lease) -> None:
        count = self._batches(lease.unit)
        if count < 2:
            worker.spans = None
            self._compute_whole(worker)
            return
        worker.spans = ((0, count),) if lease.spans is None else lease.spans
        kept = self._kept.setdefault(lease.unit.unit_id, set())
        if lease.spans is not None:
            self._splits += 1
            worker.since += HAND_OVER_SECONDS
        cost = lease.unit.cost / count
        self.coordinator.learn_batches(
            *self._address(worker), [0.0 if n in kept else cost for n in range(count)]
        )
        self._next_batch(worker)

    def _batches(self, unit: Unit) -> int:
        return max(1, ceil(unit.cost / self._rules.batch_cost))

    def _address(self, worker: _Worker) -> tuple[str, int, int, int]:
        lease = worker.lease
        assert lease is not None, "only who has a lease speaks of it"
        return worker.name, worker.incarnation, lease.unit.unit_id, lease.epoch

    def _next_batch(self, worker: _Worker) -> None:
        """Begin the next batch that nobody has kept, or end the part or the unit."""
        lease = worker.lease
        assert lease is not None, "batches belong to a lease"
        kept = self._kept.setdefault(lease.unit.unit_id, set())
        spans = worker.spans or ()
        batch = next((n for first, end in spans for n in range(first, end) if n not in kept), None)
        if batch is None:
            self._through(worker)
            return
        worker.batch = batch
        worker.spans = _from(spans, batch)
        cost = lease.unit.cost / self._batches(lease.unit)
        self._schedule(worker.device.speed.finish(worker.since, cost), worker, self._end_batch)

    def _end_batch(self, worker: _Worker) -> None:
        lease, batch = worker.lease, worker.batch
        assert lease is not None, "batches belong to a lease"
        assert batch is not None, "a batch was in flight"
        self._count(worker)
        worker.since = self._now
        worker.work += lease.unit.cost / self._batches(lease.unit)
        self._kept.setdefault(lease.unit.unit_id, set()).add(batch)
        directive = self.coordinator.report_progress(
            *self._address(worker), _progress(lease, worker.work), batch
        )
        self._obey(worker, directive)

    def _through(self, worker: _Worker) -> None:
        if worker.whole:
            self._finish(worker)
        else:
            address, seconds = self._address(worker), worker.seconds
            self._obey(worker, self.coordinator.finish_part(*address, seconds))

    def _obey(self, worker: _Worker, directive: Directive) -> None:
        if directive is Directive.PAUSE:
            self._held[worker.position] = worker
            worker.held_since = self._now
            return
        if directive is Directive.RESHARE:
            share = self.coordinator.share(*self._address(worker))
            assert share is not None, "who is told to ask has a share"
            worker.whole = share.spans is None
            worker.spans = share.spans or ()
        elif directive in (Directive.ABANDON, Directive.RELEASE):
            # Of no effect where the lease is over already.
            self.coordinator.return_lease(*self._address(worker), "simulated")
            worker.lease = None
            self._take(worker)
            return
        if worker.spans is None:
            self._compute_whole(worker)
        else:
            self._next_batch(worker)

    def _compute_whole(self, worker: _Worker) -> None:
        assert worker.lease is not None, "a worker computes its lease"
        end = worker.device.speed.finish(worker.since, worker.lease.unit.cost)
        report = self._now + self._rules.report_seconds
        if end <= report:
            self._schedule(end, worker, self._finish_whole)
        else:
            self._schedule(report, worker, self._report_whole)

    def _report_whole(self, worker: _Worker) -> None:
        assert worker.lease is not None, "a worker reports on its lease"
        done = _progress(worker.lease, worker.device.speed.work(worker.since, self._now))
        self._obey(worker, self.coordinator.report_progress(*self._address(worker), done))

    def _finish_whole(self, worker: _Worker) -> None:
        self._count(worker)
        self._finish(worker)

    def _count(self, worker: _Worker) -> None:
        """Count the time since a batch, or a whole unit, was begun."""
        worker.busy += self._now - worker.since
        worker.seconds += self._now - worker.since

    def _finish(self, worker: _Worker) -> None:
        device, incarnation, unit_id, epoch = self._address(worker)
        self._kept.pop(unit_id, None)
        worker.lease = None
        if self.coordinator.begin_completion(device, incarnation, unit_id, epoch):
            self.coordinator.record_file_completion(unit_id, epoch, worker.seconds)
        if not self.coordinator.over:
            self._take(worker)


def _progress(lease: Lease, work: float) -> Progress:
    unit = lease.unit
    share = min(1.0, work / unit.cost)
    return Progress(int(share * unit.sequences), int(share * unit.residues), work)


def _from(spans: Spans, batch: int) -> Spans:
    """Return spans from a batch on: those before it were kept already."""
    for position, (first, end) in enumerate(spans):
        if first <= batch < end:
            return ((batch, end), *spans[position + 1 :])
    return spans
