"""A run under a virtual clock: the very coordinator and policies, with made-up devices.

Devices have a true speed over time, which the coordinator does not know: it sees weights,
and then what workers report. Workers die and come back. Everything follows from the
arguments, so the same call gives the same result.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from math import inf

from tui_balancer.balance.bounds import Speed
from tui_balancer.balance.coordinator import WorkStealingCoordinator
from tui_balancer.balance.model import (
    DeviceSpec,
    Lease,
    PolicySettings,
    Progress,
    TimeSettings,
    Totals,
    Unit,
)

REPORT_SECONDS = 2.0
"""Virtual time between two progress reports of a simulated worker."""


GONE = -1
"""Incarnation of a worker that does not come back; events of its former self are void."""


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A device of a simulation.

    Attributes:
        spec: What the coordinator is told; the weight may be wrong.
        speed: What it really does.
        load_seconds: From the start of a worker to its model being ready.
        deaths: Moments at which its worker is killed, in seconds of the run.
    """

    spec: DeviceSpec
    speed: Speed
    load_seconds: float = 0.0
    deaths: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What came out.

    Attributes:
        makespan: Seconds until the last file was finished.
        busy_seconds: Time each device computed, by device.
        steals: Files stolen.
        totals: The counts at the end.
        decision_seconds: Real seconds of every call in which an idle device looked for work
            in other queues; empty without a stopwatch.
    """

    makespan: float
    busy_seconds: dict[str, float]
    steals: int
    totals: Totals
    decision_seconds: tuple[float, ...] = ()


def lognormal_units(seed: int, files: int, *, mean_cost: float, sigma: float = 1.0) -> list[Unit]:
    """Return files whose costs are lognormally distributed, as viral proteomes roughly are.

    Args:
        seed: Same seed, same files.
        files: How many.
        mean_cost: Expected cost of a file in FLOPs.
        sigma: Of the logarithm; at 1 the costliest of 200 is some 10 times the mean.
    """
    dice = random.Random(seed)
    # The mean of a lognormal is exp(mu + sigma²/2).
    mu = -(sigma**2) / 2
    return [
        Unit(number, f"file_{number}.faa", 1, 1, mean_cost * dice.lognormvariate(mu, sigma))
        for number in range(files)
    ]


def simulate(
    devices: Sequence[SimulatedDevice],
    units: Sequence[Unit],
    *,
    policy: PolicySettings | None = None,
    stealing: bool = True,
    stopwatch: Callable[[], float] | None = None,
    report_seconds: float = REPORT_SECONDS,
) -> SimulationResult:
    """Run all units to the end, under the coordinator.

    Args:
        devices: Who computes.
        units: What.
        policy: The stealing rule; by default `time`.
        stealing: False for the assignment alone.
        stopwatch: Real clock in seconds, to time decisions with.
        report_seconds: Virtual time between two progress reports of a worker.
    """
    simulation = _Simulation(devices, policy or TimeSettings(), stealing, stopwatch, report_seconds)
    return simulation.run(units)


def simulate_central_queue(
    devices: Sequence[SimulatedDevice], units: Sequence[Unit]
) -> SimulationResult:
    """Run all units from one common queue, costliest first: the simplest good balancer.

    It knows neither weights nor rates. Ties go to the first device. A unit on a device that
    stops for good is given to the next one that is free from then on.
    """
    idle = [(device.load_seconds, position) for position, device in enumerate(devices)]
    heapify(idle)
    busy = dict.fromkeys((device.spec.device for device in devices), 0.0)
    makespan = 0.0
    waiting = [(-unit.cost, unit.unit_id) for unit in units]
    heapify(waiting)
    lost: list[tuple[float, tuple[float, int]]] = []
    while idle and (waiting or lost):
        start, position = idle[0]
        while lost and (lost[0][0] <= start or not waiting):
            start = max(start, lost[0][0])
            heappush(waiting, heappop(lost)[1])
        minus_cost, number = heappop(waiting)
        speed, name = devices[position].speed, devices[position].spec.device
        end = speed.finish(start, -minus_cost)
        if end == inf:
            heappop(idle)
            stop = max(start, speed.steps[-1][0])
            busy[name] += stop - start
            heappush(lost, (stop, (minus_cost, number)))
            continue
        busy[name] += end - start
        makespan = max(makespan, end)
        heapreplace(idle, (end, position))
    left = len(waiting) + len(lost)
    totals = Totals(files=len(units), done=len(units) - left, waiting=left)
    return SimulationResult(makespan, busy, 0, totals)


@dataclass(slots=True, eq=False)
class _Worker:
    device: SimulatedDevice
    position: int
    incarnation: int = 0
    lease: Lease | None = None
    started: float = 0.0
    busy: float = 0.0
    looks_at: float | None = None

    @property
    def name(self) -> str:
        return self.device.spec.device


class _Simulation:
    """An event heap around a coordinator; an event is a moment, a worker and what it does."""

    def __init__(
        self,
        devices: Sequence[SimulatedDevice],
        policy: PolicySettings,
        stealing: bool,
        stopwatch: Callable[[], float] | None,
        report_seconds: float,
    ) -> None:
        self._now = 0.0
        self._report_seconds = report_seconds
        self._stopwatch = stopwatch
        self._decisions: list[float] = []
        self._coordinator = WorkStealingCoordinator(
            [device.spec for device in devices],
            policy=policy,
            stealing=stealing,
            clock=lambda: self._now,
        )
        self._workers = [_Worker(device, position) for position, device in enumerate(devices)]
        self._events: list[tuple[float, int, _Worker, int, Callable[[_Worker], None]]] = []
        self._made = 0
        self._idle: dict[int, _Worker] = {}
        self._woken_at = -1

    def run(self, units: Sequence[Unit]) -> SimulationResult:
        self._coordinator.assign(units)
        for worker in self._workers:
            self._start(worker)
            for moment in worker.device.deaths:
                self._schedule(moment, worker, self._die, any_incarnation=True)
        while self._events and not self._coordinator.over:
            self._now, _, worker, incarnation, action = heappop(self._events)
            if incarnation in (0, worker.incarnation):
                action(worker)
                self._wake_the_idle()
        metrics = self._coordinator.get_gpu_metrics()
        return SimulationResult(
            self._now,
            {worker.name: worker.busy for worker in self._workers},
            sum(row.stolen_to for row in metrics),
            self._coordinator.totals(),
            tuple(self._decisions),
        )

    def _schedule(
        self,
        moment: float,
        worker: _Worker,
        action: Callable[[_Worker], None],
        *,
        any_incarnation: bool = False,
    ) -> None:
        self._made += 1
        incarnation = 0 if any_incarnation else worker.incarnation
        heappush(self._events, (moment, self._made, worker, incarnation, action))

    def _start(self, worker: _Worker) -> None:
        worker.incarnation = self._coordinator.worker_starting(worker.name)
        self._schedule(self._now + worker.device.load_seconds, worker, self._ready)

    def _ready(self, worker: _Worker) -> None:
        self._coordinator.worker_ready(worker.name, worker.incarnation, None)
        self._take(worker)

    def _die(self, worker: _Worker) -> None:
        self._idle.pop(worker.position, None)
        worker.lease = None
        if self._coordinator.worker_died(worker.name, worker.incarnation, "simulated"):
            self._start(worker)
        else:
            worker.incarnation = GONE

    def _take(self, worker: _Worker) -> None:
        began = self._stopwatch() if self._stopwatch else 0.0
        hungry = not self._coordinator.queue_length(worker.name)
        lease = self._coordinator.take(worker.name, worker.incarnation)
        if self._stopwatch and hungry:
            self._decisions.append(self._stopwatch() - began)
        if lease is None:
            self._idle[worker.position] = worker
            look = self._coordinator.next_look(worker.name)
            if look is not None and look != worker.looks_at:
                worker.looks_at = look
                self._schedule(look, worker, self._look)
            return
        self._idle.pop(worker.position, None)
        worker.lease, worker.started = lease, self._now
        self._compute(worker)

    def _look(self, worker: _Worker) -> None:
        if worker.position in self._idle:
            self._take(worker)

    def _wake_the_idle(self) -> None:
        version = self._coordinator.version
        if version == self._woken_at:
            return
        self._woken_at = version
        for worker in list(self._idle.values()):
            if self._coordinator.worth_asking(worker.name, worker.incarnation):
                self._take(worker)

    def _compute(self, worker: _Worker) -> None:
        assert worker.lease is not None
        end = worker.device.speed.finish(worker.started, worker.lease.unit.cost)
        report = self._now + self._report_seconds
        if end <= report:
            self._schedule(end, worker, self._finish)
        else:
            self._schedule(report, worker, self._report)

    def _report(self, worker: _Worker) -> None:
        lease = worker.lease
        assert lease is not None
        done = worker.device.speed.work(worker.started, self._now)
        self._coordinator.report_progress(
            worker.name, worker.incarnation, lease.unit.unit_id, lease.epoch, Progress(0, 0, done)
        )
        self._compute(worker)

    def _finish(self, worker: _Worker) -> None:
        lease = worker.lease
        assert lease is not None
        worker.lease = None
        seconds = self._now - worker.started
        worker.busy += seconds
        unit_id, epoch = lease.unit.unit_id, lease.epoch
        self._coordinator.begin_completion(worker.name, worker.incarnation, unit_id, epoch)
        self._coordinator.record_file_completion(unit_id, epoch, seconds)
        if not self._coordinator.over:
            self._take(worker)
