"""One simulated run: workers as events around a coordinator, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop
from math import inf

from tui_balancer.leases import Directive
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.event_log import EventSink
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.worker import ANY, SimulatedWorker, World


class SimulatedRun:
    """An event heap around a coordinator; an event is a moment, a worker and what it does.

    Attributes:
        decisions: Real seconds of every call in which an idle device looked for work in other
            queues; empty without a stopwatch.
    """

    def __init__(
        self,
        devices: Sequence[SimulatedDevice],
        rules: Rules,
        stopwatch: Callable[[], float] | None = None,
        journal: EventSink | None = None,
    ) -> None:
        self._world = World(devices, rules, stopwatch, journal)
        self.decisions = self._world.decisions
        self._workers = [
            SimulatedWorker(self._world, device, position)
            for position, device in enumerate(devices)
        ]
        self._woken_at = -1

    @property
    def coordinator(self) -> WorkStealingCoordinator:
        """The coordinator of real runs."""
        return self._world.coordinator

    @property
    def changes(self) -> int:
        """How often a worker has changed its model."""
        return self._world.changes

    @property
    def now(self) -> float:
        """Virtual seconds since the run started."""
        return self._world.now

    def run(self, units: Sequence[Unit]) -> SimulatedRun:
        """Run all units to the end."""
        self.begin(units)
        self.advance(inf)
        return self

    def begin(self, units: Sequence[Unit]) -> None:
        """Distribute the units and start the workers."""
        self.coordinator.assign(units)
        for worker in self._workers:
            worker.start()
            for moment in worker.device.deaths:
                self._world.schedule(moment, worker, ANY, worker.die)

    def advance(self, until: float) -> None:
        """Run the events up to a moment, or until the run ends."""
        self._start_absent()
        self._resume_held()
        self._wake_the_idle()
        world, events = self._world, self._world.events
        while events and events[0][0] <= until and not self.coordinator.over:
            world.now, _, worker, incarnation, action = heappop(events)
            if incarnation in (ANY, worker.incarnation):
                action()
                self._wake_the_idle()
        if until < inf and not self.coordinator.over:
            world.now = until

    def _start_absent(self) -> None:
        """Start workers on devices that were drained and are not any more."""
        absent = self.coordinator.absent()
        for worker in self._workers:
            if worker.name in absent:
                worker.start()

    def _resume_held(self) -> None:
        """Resume workers whose device is not paused any more."""
        for worker in list(self._world.held.values()):
            directive = self.coordinator.wait_while_paused(worker.name, worker.incarnation, 0.0)
            if directive is not Directive.PAUSE:
                del self._world.held[worker.position]
                worker.resume(directive)

    def _wake_the_idle(self) -> None:
        version = self.coordinator.version
        if version == self._woken_at:
            return
        self._woken_at = version
        for worker in list(self._world.idle.values()):
            if self.coordinator.worth_asking(worker.name, worker.incarnation):
                worker.take()
