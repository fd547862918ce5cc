"""Several devices on one unit: dividing its batches, copying held-up ones, bringing it together.

A unit's batches are in the hands of its leases: each batch that is not kept yet belongs to
exactly one of them, or to a lease and its twin. A batch that was reported is kept beside the
output, so what a lease leaves behind is only what it has not reported, and that goes to another
lease of the same unit. Whoever ends last has everything, and writes the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tui_balancer.balance.balancer import Balancer
from tui_balancer.balance.device_record import DeviceRecord
from tui_balancer.balance.event_log import EventLog
from tui_balancer.balance.events import LeaseEvent, PartEvent, SplitEvent
from tui_balancer.balance.model import Directive, TimeSettings
from tui_balancer.balance.parts import BatchPlan, Share, Spans, batches, joined, without_head
from tui_balancer.balance.roster import Roster
from tui_balancer.balance.splitting import (
    HAND_OVER_SECONDS,
    Cut,
    all_but_in_flight,
    best_cut,
    overdue_at,
)
from tui_balancer.balance.units import ActiveLease, UnitAtWork, UnitBook

LOOKS = 8
"""Running units that an idle device looks at: those that end last gain most by being divided."""


class Sharer:
    """Lets several devices work on one unit.

    Attributes:
        on: Whether idle devices may join by themselves; a person's wish is always heard.
    """

    def __init__(
        self,
        roster: Roster,
        units: UnitBook,
        log: EventLog,
        balancer: Balancer,
        *,
        on: bool,
        clock: Callable[[], float],
    ) -> None:
        self.on = on
        self._roster = roster
        self._units = units
        self._log = log
        self._balancer = balancer
        self._clock = clock

    @property
    def _least_gain(self) -> float:
        settings = self._balancer.policy.settings
        return (settings if isinstance(settings, TimeSettings) else TimeSettings()).gain_seconds

    def learn(self, active: ActiveLease, costs: Iterable[float]) -> None:
        """Note what a unit's batches cost, as the worker of one of its leases tells."""
        work = self._work(active)
        work.plan = BatchPlan(costs)
        if active.todo is None:
            active.todo = work.plan.missing
        for one in work.leases.values():
            self._reckon(one)

    def note_batch(self, active: ActiveLease, number: int | None) -> None:
        """Note that a worker is through with a batch."""
        if active.todo is not None:
            if number is not None:
                active.todo = without_head(active.todo, number)
            self._reckon(active)

    def divisible(self, active: ActiveLease) -> bool:
        """Whether an idle device could take some of a lease's batches."""
        if active.todo is None or active.claimed or active.twin:
            return False
        return batches(active.todo) > (0 if active.held else 1)

    def worth_dividing(self, record: DeviceRecord) -> bool:
        """Whether a device's unit goes on for long enough that idle ones should look at it."""
        active, rate = record.active, self._roster.rate(record)
        if not self.on or active is None or rate is None or not self.divisible(active):
            return False
        return active.left / rate > HAND_OVER_SECONDS + self._least_gain

    def take(self, thief: DeviceRecord) -> ActiveLease | None:
        """Lease a share of a running unit to an idle device, if that ends the unit sooner."""
        rate = self._roster.rate(thief)
        if not (self.on and self._balancer.stealing) or rate is None:
            return None
        now = self._clock()
        for victim in self._balancer.outlook.held():
            assert victim.active is not None, "only who has a lease can be held in it"
            if self.divisible(victim.active):
                rest = all_but_in_flight(victim.active.todo or (), in_flight=not victim.active.held)
                return self._divide(victim.active, thief, rest, victim.free)
        least = HAND_OVER_SECONDS + self._least_gain
        for victim in self._balancer.outlook.ending_last(now, least, LOOKS):
            cut = self._best_cut(victim, rate, now)
            if cut is not None and cut.gain >= self._least_gain and cut.gain > 0:
                assert victim.active is not None, "a cut divides a lease"
                return self._divide(victim.active, thief, cut, f"{cut.gain:.3g} s sooner")
        for victim in self._balancer.outlook.ending_first(now, LOOKS):
            if (waited := self._held_up(victim, rate, now)) is not None:
                assert victim.active is not None, "a batch that is held up is leased"
                return self._copy(victim.active, thief, waited)
        return None

    def take_wanted(self, thief: DeviceRecord) -> ActiveLease | None:
        """Lease that share of a running unit to a device that a person wants it to have."""
        while thief.wanted:
            work = self._units.active.get(thief.wanted.pop(0))
            victim = work and self.holder(work)
            if not victim or victim.lease.device == thief.device:
                continue
            record = self._roster[victim.lease.device]
            cut = self._best_cut(record, self._roster.rate(thief) or 0.0, self._clock())
            everything = all_but_in_flight(victim.todo or (), in_flight=not victim.held)
            return self._divide(victim, thief, cut or everything, "by hand")
        return None

    def holder(self, work: UnitAtWork) -> ActiveLease | None:
        """Return the lease with most left of those that can be divided."""
        able = [one for one in work.leases.values() if self.divisible(one)]
        return max(able, key=lambda one: one.left, default=None)

    def next_look(self, record: DeviceRecord) -> float | None:
        """Return when an idle device looks whether a batch is held up; None for never."""
        if not (self.on and self._balancer.stealing) or self._roster.rate(record) is None:
            return None
        moments = [
            self._overdue_at(victim)
            for victim in self._balancer.outlook.ending_first(self._clock(), LOOKS)
            if self._may_copy(victim)
        ]
        return min(moments, default=None)

    def share(self, active: ActiveLease) -> Share:
        """Tell a worker which batches are its own now."""
        active.reshared = False
        work = self._work(active)
        return Share(None if active.merging else active.todo, work.newest)

    def finish_part(self, active: ActiveLease, compute_seconds: float) -> Directive:
        """Go on from the moment at which a worker is through with the batches it knows of."""
        if active.reshared:
            return Directive.RESHARE
        active.todo = ()
        self._reckon(active)
        self._end_twin(active)
        if self._units.others(active):
            self._end(active, "", compute_seconds, kept=True)
            return Directive.RELEASE
        active.merging = active.reshared = True
        return Directive.RESHARE

    def end_others(self, active: ActiveLease) -> None:
        """End all other leases of a unit, since this one ends it."""
        for other in self._units.others(active):
            self._end(other, f"{active.lease.device} was through before", kept=False)

    def pass_on(self, active: ActiveLease) -> bool:
        """Let others go on with what a lost lease leaves; False when there are no others."""
        others = self._units.others(active)
        if not others:
            return False
        twin = self._twin(active)
        work = self._units.drop(active, kept=True)
        if twin is not None:
            twin.twin = 0
        elif active.todo:
            heir = min(others, key=lambda one: (one.twin, one.left))
            self._end_twin(heir)
            heir.todo = joined(heir.todo or (), active.todo)
            self._reshare(work, heir)
        return True

    def _work(self, active: ActiveLease) -> UnitAtWork:
        return self._units.active[active.lease.unit.unit_id]

    def _reckon(self, active: ActiveLease) -> None:
        """Work out what is left of a lease by its batches."""
        plan = self._work(active).plan
        if plan is not None and active.todo is not None:
            active.left = plan.cost(active.todo)
            active.in_flight = plan.first_cost(active.todo)

    def _reshare(self, work: UnitAtWork, active: ActiveLease) -> None:
        """Let a worker hear that its batches are others now."""
        active.reshared = work.shared = True
        self._reckon(active)
        self._balancer.note(self._roster[active.lease.device])

    def _best_cut(self, victim: DeviceRecord, thief_rate: float, now: float) -> Cut | None:
        active, rate = victim.active, self._roster.rate(victim)
        if active is None or not rate or not thief_rate or not self.divisible(active):
            return None
        plan = self._work(active).plan
        assert plan is not None, "divisible batches are known"
        assert active.todo is not None, "divisible batches are known"
        return best_cut(
            plan,
            active.todo,
            in_flight=not active.held,
            remaining=victim.running_cost(now, rate) / rate,
            victim_rate=rate,
            thief_rate=thief_rate,
        )

    def _divide(
        self, active: ActiveLease, thief: DeviceRecord, cut: Cut, reason: str
    ) -> ActiveLease:
        work = self._work(active)
        plan = work.plan
        assert plan is not None, "divided batches are known"
        active.todo = cut.front
        part = self._grant(work, thief, cut.back)
        self._log.add(
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
        )
        self._tell(part)
        if cut.front:
            self._reshare(work, active)
        else:
            self._end(active, reason, kept=True)
        return part

    def _copy(self, active: ActiveLease, thief: DeviceRecord, waited: float) -> ActiveLease:
        work = self._work(active)
        copy = self._grant(work, thief, active.todo)
        copy.twin, active.twin = active.lease.epoch, copy.lease.epoch
        plan = work.plan
        self._log.add(
            SplitEvent,
            work.unit.unit_id,
            work.unit.name,
            active.lease.device,
            thief.device,
            batches(active.todo) if active.todo is not None else 1,
            len(plan) if plan is not None else 1,
            f"held up for {waited:.3g} s: a copy",
            copy=True,
        )
        self._tell(copy)
        return copy

    def _grant(self, work: UnitAtWork, thief: DeviceRecord, spans: Spans | None) -> ActiveLease:
        now = self._clock()
        part = self._units.grant_part(work, thief.device, thief.incarnation, now, spans)
        self._reckon(part)
        thief.started(part, now)
        self._balancer.note(thief)
        return part

    def _tell(self, part: ActiveLease) -> None:
        lease = part.lease
        self._log.add(
            LeaseEvent,
            lease.unit.unit_id,
            lease.unit.name,
            lease.device,
            lease.epoch,
            part=True,
        )

    def _end(
        self, active: ActiveLease, reason: str, seconds: float | None = None, *, kept: bool
    ) -> None:
        """End one of several leases of a unit; its device is free."""
        lease, done = active.lease, active.progress
        self._units.drop(active, kept=kept)
        record = self._roster[lease.device]
        if record.active is active:
            record.active = None
            self._balancer.note(record)
        self._log.add(
            PartEvent,
            lease.unit.unit_id,
            lease.unit.name,
            lease.device,
            lease.epoch,
            done.sequences if kept else 0,
            done.residues if kept else 0,
            done.cost if kept else 0.0,
            active.reported - active.granted if seconds is None else seconds,
            reason,
        )

    def _twin(self, active: ActiveLease) -> ActiveLease | None:
        return self._work(active).leases.get(active.twin)

    def _end_twin(self, active: ActiveLease) -> None:
        """End the other lease on the same batches; what the first of the two has done counts."""
        twin = self._twin(active)
        if twin is not None:
            original = twin.lease.epoch < active.lease.epoch
            self._end(twin, f"{active.lease.device} was through before", kept=original)
            if original:
                self._roster[twin.lease.device].held_up = True
                self._balancer.forget()
        active.twin = 0

    def _may_copy(self, victim: DeviceRecord) -> bool:
        active = victim.active
        if active is None or active.claimed or active.held or active.twin:
            return False
        return active.todo != () and active.left > 0

    def _overdue_at(self, victim: DeviceRecord) -> float:
        active, rate = victim.active, self._roster.rate(victim)
        assert active is not None, "a device at work has a lease"
        assert rate, "a device at work has a rate"
        return max(
            active.reported + active.left / rate,
            overdue_at(active.reported, min(active.left, active.in_flight) / rate),
        )

    def _held_up(self, victim: DeviceRecord, thief_rate: float, now: float) -> float | None:
        """Return for how long a device's batch is held up, where a copy of it pays.

        Nobody knows how long it goes on; what has taken so long without an end is expected to
        take as long again.
        """
        if not self._may_copy(victim) or self._overdue_at(victim) > now:
            return None
        active = victim.active
        assert active is not None, "what may be copied is leased"
        waited = now - active.reported
        copied = HAND_OVER_SECONDS + active.left / thief_rate
        return waited if waited - copied >= self._least_gain else None
