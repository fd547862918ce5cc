"""Several devices on one unit: splits and copies its batches, and joins the results.

A unit's batches are in the hands of its leases: each batch that is not kept yet belongs to
exactly one of them, or to a lease and its twin. A batch that was reported is kept next to the
output, so what a lease leaves behind is only what it has not reported, and that goes to another
lease of the same unit. Whoever ends last has everything, and writes the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tui_balancer.leases import Directive, Share, Spans, without_head
from tui_balancer.scheduler.event_log import EventLog
from tui_balancer.scheduler.events import LeaseEvent, PartEvent, SplitEvent
from tui_balancer.scheduler.policy.balancer import Balancer
from tui_balancer.scheduler.splitting.batches import BatchPlan, batches, joined
from tui_balancer.scheduler.splitting.cut import Cut, part_seconds
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease, UnitAtWork
from tui_balancer.scheduler.state.unit_store import UnitStore


@dataclass(eq=False, slots=True)
class Sharer:
    """Lets several devices work on one unit."""

    device_pool: DevicePool
    units: UnitStore
    log: EventLog
    balancer: Balancer
    clock: Callable[[], float]

    def learn(self, active: ActiveLease, costs: Iterable[float]) -> None:
        """Record the costs of a unit's batches, as reported by one of its workers."""
        work = self._work(active)
        work.plan = BatchPlan(costs)
        if active.todo is None:
            active.todo = work.plan.missing
        for one in work.leases.values():
            self._update_left(one)

    def note_batch(self, active: ActiveLease, number: int | None) -> None:
        """Record that a worker has finished a batch."""
        if active.todo is not None:
            if number is not None:
                active.todo = without_head(active.todo, number)
            self._update_left(active)

    def divisible(self, active: ActiveLease) -> bool:
        """Whether an idle device could take some of a lease's batches."""
        if active.todo is None or active.claimed or active.twin:
            return False
        return batches(active.todo) > (0 if active.held else 1)

    def plan(self, active: ActiveLease) -> BatchPlan | None:
        """Return the costs of a lease's unit's batches; None before a worker has reported them."""
        return self._work(active).plan

    def to_copy(self, active: ActiveLease) -> float:
        """Return the FLOPs of a copy of a lease's remaining work.

        Where the batches are unknown nothing is kept, and a copy starts from the first one.
        """
        return active.left if self.plan(active) is not None else active.lease.unit.cost

    def divide(
        self, active: ActiveLease, thief: DeviceRecord, cut: Cut, reason: str
    ) -> ActiveLease:
        """Leave a lease the front of its batches, and lease the back to an idle device."""
        work = self._work(active)
        plan = work.plan
        assert plan is not None, "divided batches are known"
        active.todo = cut.front
        ends = self._ends(thief, work.unit.model, plan.cost(cut.back))
        part = self._grant(work, thief, cut.back)
        self.log.add(
            SplitEvent,
            work.unit.unit_id,
            work.unit.name,
            active.lease.device,
            thief.device,
            batches(cut.back),
            len(plan),
            reason,
            cut.finish_without,
            cut.finish_with,
            source_ends=_both(cut.finish_without, cut.front_finish),
            target_ends=ends,
        )
        self.log.add(LeaseEvent, *part.lease.named, part=True)
        if cut.front:
            self._reshare(work, active)
        else:
            self._end(active, reason, kept=True)
        return part

    def copy(
        self,
        active: ActiveLease,
        thief: DeviceRecord,
        reason: str,
        finish_without: float | None = None,
        finish_with: float | None = None,
    ) -> ActiveLease:
        """Lease a lease's remaining work to an idle device too; the first to finish counts."""
        work = self._work(active)
        ends = self._ends(thief, work.unit.model, self.to_copy(active))
        copy = self._grant(work, thief, active.todo)
        copy.twin, active.twin = active.lease.epoch, copy.lease.epoch
        plan = work.plan
        self.log.add(
            SplitEvent,
            work.unit.unit_id,
            work.unit.name,
            active.lease.device,
            thief.device,
            batches(active.todo) if active.todo is not None else 1,
            len(plan) if plan is not None else 1,
            reason,
            finish_without,
            finish_with,
            copy=True,
            source_ends=_both(finish_without, finish_with),
            target_ends=ends,
        )
        self.log.add(LeaseEvent, *copy.lease.named, part=True)
        return copy

    def share(self, active: ActiveLease) -> Share:
        """Return the current batches of a worker."""
        active.reshared = False
        work = self._work(active)
        return Share(None if active.merging else active.todo, work.newest)

    def finish_part(self, active: ActiveLease, compute_seconds: float) -> Directive:
        """Continue after a worker has finished its batches."""
        if active.reshared:
            return Directive.RESHARE
        active.todo = ()
        self._update_left(active)
        self._end_twin(active)
        if self.units.others(active):
            self._end(active, "", compute_seconds, kept=True)
            return Directive.RELEASE
        active.merging = active.reshared = True
        return Directive.RESHARE

    def end_others(self, active: ActiveLease) -> None:
        """End all other leases of a unit, because this one finishes it."""
        for other in self.units.others(active):
            self._end(other, f"{active.lease.device} was through before", kept=False)

    def pass_on(self, active: ActiveLease) -> bool:
        """Give a lost lease's remaining batches to the other leases; False if there are none."""
        others = self.units.others(active)
        if not others:
            return False
        twin = self._twin(active)
        work = self.units.drop(active, kept=True)
        if twin is not None:
            twin.twin = 0
        elif active.todo:
            successor = min(others, key=lambda one: (one.twin, one.left))
            self._end_twin(successor)
            successor.todo = joined(successor.todo or (), active.todo)
            self._reshare(work, successor)
        return True

    def _ends(self, thief: DeviceRecord, model: int, cost: float) -> tuple[float, float] | None:
        """Return when an idle device finishes without a part of this many FLOPs and with it."""
        pace = self.device_pool.pace(thief, model)
        return (0.0, part_seconds(cost, pace)) if pace is not None else None

    def _work(self, active: ActiveLease) -> UnitAtWork:
        return self.units.active[active.lease.unit.unit_id]

    def _update_left(self, active: ActiveLease) -> None:
        """Compute a lease's remaining work from its batches."""
        plan = self._work(active).plan
        if plan is not None and active.todo is not None:
            active.left = plan.cost(active.todo)
            active.in_flight = plan.first_cost(active.todo)

    def _reshare(self, work: UnitAtWork, active: ActiveLease) -> None:
        """Record that a worker must request its batches again."""
        active.reshared = work.shared = True
        self._update_left(active)
        self.balancer.note(self.device_pool[active.lease.device])

    def _grant(self, work: UnitAtWork, thief: DeviceRecord, spans: Spans | None) -> ActiveLease:
        now = self.clock()
        part = self.units.grant_part(work, thief.device, thief.incarnation, now, spans)
        self._update_left(part)
        self.device_pool.begin(thief, part, now)
        thief.started(part, now)
        self.balancer.note(thief)
        return part

    def _end(
        self, active: ActiveLease, reason: str, seconds: float | None = None, *, kept: bool
    ) -> None:
        """End one of several leases of a unit; its device is free."""
        lease, done = active.lease, active.progress
        self.units.drop(active, kept=kept)
        record = self.device_pool[lease.device]
        if record.release(active):
            self.balancer.note(record)
        self.log.add(
            PartEvent,
            *lease.named,
            done.sequences if kept else 0,
            done.residues if kept else 0,
            done.cost if kept else 0.0,
            active.reported - active.granted if seconds is None else seconds,
            reason,
        )

    def _twin(self, active: ActiveLease) -> ActiveLease | None:
        return self._work(active).leases.get(active.twin)

    def _end_twin(self, active: ActiveLease) -> None:
        """End the other lease on the same batches; the work of the first to finish counts."""
        twin = self._twin(active)
        if twin is not None:
            original = twin.lease.epoch < active.lease.epoch
            self._end(twin, f"{active.lease.device} was through before", kept=original)
            if original:
                self.device_pool[twin.lease.device].held_up = True
                self.balancer.forget()
        active.twin = 0


def _both(without: float | None, with_it: float | None) -> tuple[float, float] | None:
    return None if without is None or with_it is None else (without, with_it)
