"""Small coordinators under a clock that the test moves."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.leases import Directive, Progress, Spans
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import (
    DeviceSpec,
    Lease,
    PolicySettings,
    TimeSettings,
    Unit,
    UnitTraits,
)


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def unit(unit_id: int, cost: float, *, files: int = 1) -> Unit:
    return Unit(unit_id, f"virus_{unit_id}.faa", 10, 1000, cost, UnitTraits(files))


def bundle(unit_id: int, *costs: float) -> Unit:
    """Return a bundle of files numbered from its own number on."""
    parts = tuple(unit(unit_id + offset, cost) for offset, cost in enumerate(costs))
    return Unit(
        unit_id,
        f"{len(parts)} files",
        sum(part.sequences for part in parts),
        sum(part.residues for part in parts),
        sum(costs),
        UnitTraits(len(parts), parts),
    )


def numbers(spans: Spans) -> list[int]:
    """Return batches one by one."""
    return [number for first, end in spans for number in range(first, end)]


def units(*costs: float) -> list[Unit]:
    return [unit(unit_id, cost) for unit_id, cost in enumerate(costs)]


def specs(*weights: float) -> list[DeviceSpec]:
    return [DeviceSpec(f"cuda:{index}", "card", weight) for index, weight in enumerate(weights)]


class Bench:
    """A coordinator with its workers ready, and the shorthand of a test."""

    def __init__(
        self,
        weights: Sequence[float] = (1.0, 1.0),
        costs: Sequence[float] | None = None,
        *,
        policy: PolicySettings | None = None,
        stealing: bool = True,
        max_restarts: int = 3,
        poison_limit: int = 2,
    ) -> None:
        self.clock = Clock()
        self.journal: list[Event] = []
        self.coordinator = WorkStealingCoordinator(
            specs(*weights),
            policy=policy or TimeSettings(),
            stealing=stealing,
            clock=self.clock,
            sink=self.journal.append,
            max_restarts=max_restarts,
            poison_limit=poison_limit,
        )
        self.incarnations = {
            spec.device: self.coordinator.worker_starting(spec.device) for spec in specs(*weights)
        }
        for device, incarnation in self.incarnations.items():
            self.coordinator.worker_ready(device, incarnation, None)
        if costs is not None:
            self.coordinator.assign(units(*costs))

    def take(self, device: str) -> Lease | None:
        return self.coordinator.take(device, self.incarnations[device])

    def must_take(self, device: str) -> Lease:
        lease = self.take(device)
        assert lease is not None
        return lease

    def progress(self, lease: Lease, share: float, *, computed: bool = False) -> Directive:
        done = Progress(
            int(lease.unit.sequences * share),
            int(lease.unit.residues * share),
            lease.unit.cost * share,
        )
        return self.coordinator.report_progress(
            lease.device,
            self.incarnations[lease.device],
            lease.unit.unit_id,
            lease.epoch,
            done,
            computed=computed,
        )

    def claim(self, lease: Lease) -> bool:
        return self.coordinator.begin_completion(
            lease.device, self.incarnations[lease.device], lease.unit.unit_id, lease.epoch
        )

    def finish(self, lease: Lease) -> bool:
        return self.claim(lease) and self.coordinator.record_file_completion(
            lease.unit.unit_id, lease.epoch, 1.0
        )

    def run_one(self, device: str, seconds: float) -> Lease:
        """Let a device do its next unit in so many seconds."""
        lease = self.must_take(device)
        self.clock.now += seconds
        assert self.finish(lease)
        return lease

    def die(
        self,
        device: str,
        reason: str = "killed by signal 9",
        *,
        restart: bool = True,
        charged: bool = True,
    ) -> bool:
        again = self.coordinator.worker_died(
            device, self.incarnations[device], reason, charged=charged
        )
        if again and restart:
            self.incarnations[device] = self.coordinator.worker_starting(device)
            self.coordinator.worker_ready(device, self.incarnations[device], None)
        return again

    def waiting(self, device: str) -> list[int]:
        return [one.unit_id for one in self.coordinator.queue(device)]
