"""Lets idle devices without anything to steal join a running unit.

They take its last batches, or, if nothing can be split, compute a copy of a slow device's
remaining work: the first to finish counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui_balancer.scheduler.model import TimeSettings
from tui_balancer.scheduler.policy.balancer import Balancer
from tui_balancer.scheduler.policy.rule_settings import sooner
from tui_balancer.scheduler.policy.stealing import TimePolicy
from tui_balancer.scheduler.splitting.cut import (
    HAND_OVER_SECONDS,
    Cut,
    all_but_in_flight,
    best_cut,
    overdue_at,
    part_seconds,
)
from tui_balancer.scheduler.splitting.sharing import Sharer
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease, UnitAtWork
from tui_balancer.scheduler.state.unit_store import UnitStore

CANDIDATES = 8
"""Maximum number of running units to check: those that end last gain most."""


@dataclass(eq=False, slots=True)
class Joiner:
    """Decides which idle device joins which running unit.

    Attributes:
        splitting: Whether idle devices split units by themselves; a person's command always
            works. Without it files stay whole: under `time` they are copied if that pays.
        copying: Whether idle devices compute copies.
    """

    device_pool: DevicePool
    units: UnitStore
    balancer: Balancer
    sharer: Sharer
    clock: Callable[[], float]
    splitting: bool
    copying: bool

    def worth_joining(self, record: DeviceRecord) -> bool:
        """Whether a device's unit takes long enough for idle devices to check it."""
        active, rate = record.active, self.device_pool.rate(record)
        if active is None or rate is None:
            return False
        if self.splitting:
            able = self.sharer.divisible(active)
        else:
            able = self._copies_whole and self._may_copy(active)
        return able and active.left / rate > HAND_OVER_SECONDS + self._least_gain

    def take(self, thief: DeviceRecord) -> ActiveLease | None:
        """Lease a share or a copy of a running unit to an idle device, if that ends it sooner."""
        if self.device_pool.rate(thief) is None or not self.balancer.stealing:
            return None
        now = self.clock()
        if not self.splitting:
            return self._copy_slow(thief, now) if self._copies_whole else None
        return (
            self._take_from_paused(thief)
            or self._share_last(thief, now)
            or self._copy_held_up(thief, now)
        )

    def take_wanted(self, thief: DeviceRecord) -> ActiveLease | None:
        """Lease the share of a running unit that a person requested for a device."""
        while thief.wanted:
            work = self.units.active.get(thief.wanted.pop(0))
            victim = work and self.divisible_lease(work)
            if not victim or victim.lease.device == thief.device:
                continue
            record = self.device_pool[victim.lease.device]
            cut = self._best_cut(record, thief, self.clock())
            everything = all_but_in_flight(victim.todo or (), in_flight=not victim.held)
            return self.sharer.divide(victim, thief, cut or everything, "by hand")
        return None

    def divisible_lease(self, work: UnitAtWork) -> ActiveLease | None:
        """Return the lease with the most remaining work among those that can be split."""
        able = [one for one in work.leases.values() if self.sharer.divisible(one)]
        return max(able, key=lambda one: one.left, default=None)

    def next_check(self, record: DeviceRecord) -> float | None:
        """Return when an idle device checks for a held-up batch; None for never."""
        copies = self.splitting and self.copying and self.balancer.stealing
        if not copies or self.device_pool.rate(record) is None:
            return None
        moments = [
            self._overdue_at(victim)
            for victim in self.balancer.finish_times.ending_first(self.clock(), CANDIDATES)
            if victim.active is not None and self._may_copy(victim.active)
        ]
        return min(moments, default=None)

    @property
    def _least_gain(self) -> float:
        settings = self.balancer.policy.settings
        return (settings if isinstance(settings, TimeSettings) else TimeSettings()).gain_seconds

    @property
    def _copies_whole(self) -> bool:
        """Whether whole units are copied: under a policy with time estimates."""
        timed = isinstance(self.balancer.policy, TimePolicy)
        return self.copying and timed and self.balancer.stealing

    def _take_from_paused(self, thief: DeviceRecord) -> ActiveLease | None:
        """Lease the started unit of a paused device."""
        for victim in self.balancer.finish_times.held():
            active = victim.active
            assert active is not None, "only who has a lease can be held in it"
            if self.sharer.divisible(active):
                rest = all_but_in_flight(active.todo or (), in_flight=not active.held)
                return self.sharer.divide(active, thief, rest, victim.free)
        return None

    def _share_last(self, thief: DeviceRecord, now: float) -> ActiveLease | None:
        """Lease the last batches of one of the units that end last."""
        least = HAND_OVER_SECONDS + self._least_gain
        for victim in self.balancer.finish_times.ending_last(now, least, CANDIDATES):
            cut = self._best_cut(victim, thief, now)
            if cut is not None and cut.gain >= self._least_gain and cut.gain > 0:
                assert victim.active is not None, "a cut divides a lease"
                return self.sharer.divide(victim.active, thief, cut, sooner(cut.gain))
        return None

    def _copy_slow(self, thief: DeviceRecord, now: float) -> ActiveLease | None:
        """Copy one of the units that end last."""
        least = HAND_OVER_SECONDS + self._least_gain
        for victim in self.balancer.finish_times.ending_last(now, least, CANDIDATES):
            active, its_rate = victim.active, self.device_pool.rate(victim)
            if active is None or not its_rate or not self._may_copy(active):
                continue
            pace = self.device_pool.pace(thief, active.lease.unit.model)
            if pace is None:
                continue
            without = victim.running_cost(now, its_rate) / its_rate
            copied = part_seconds(self.sharer.to_copy(active), pace)
            if without - copied > self._least_gain:
                reason = f"{sooner(without - copied)}: a copy"
                return self.sharer.copy(active, thief, reason, without, copied)
        return None

    def _copy_held_up(self, thief: DeviceRecord, now: float) -> ActiveLease | None:
        """Copy the remaining work of a lease whose batch is held up."""
        if not self.copying:
            return None
        for victim in self.balancer.finish_times.ending_first(now, CANDIDATES):
            waited = self._held_up(victim, thief, now)
            if waited is not None:
                assert victim.active is not None, "a batch that is held up is leased"
                reason = f"held up for {waited:.3g} s: a copy"
                return self.sharer.copy(victim.active, thief, reason)
        return None

    def _best_cut(self, victim: DeviceRecord, thief: DeviceRecord, now: float) -> Cut | None:
        active, rate = victim.active, self.device_pool.rate(victim)
        if active is None or not rate or not self.sharer.divisible(active):
            return None
        pace = self.device_pool.pace(thief, active.lease.unit.model)
        if pace is None:
            return None
        plan = self.sharer.plan(active)
        assert plan is not None, "divisible batches are known"
        assert active.todo is not None, "divisible batches are known"
        return best_cut(
            plan,
            active.todo,
            in_flight=not active.held,
            remaining=victim.running_cost(now, rate) / rate,
            victim_rate=rate,
            thief=pace,
        )

    def _may_copy(self, active: ActiveLease) -> bool:
        if active.claimed or active.held or active.twin:
            return False
        return active.todo != () and active.left > 0

    def _overdue_at(self, victim: DeviceRecord) -> float:
        active, rate = victim.active, self.device_pool.rate(victim)
        assert active is not None, "a device at work has a lease"
        assert rate, "a device at work has a rate"
        return max(
            active.reported + active.left / rate,
            overdue_at(active.reported, min(active.left, active.in_flight) / rate),
        )

    def _held_up(self, victim: DeviceRecord, thief: DeviceRecord, now: float) -> float | None:
        """Return for how long a device's batch is held up, if a copy pays.

        Its end is unknown; what has taken so long is expected to
        take as long again.
        """
        active = victim.active
        if active is None or not self._may_copy(active) or self._overdue_at(victim) > now:
            return None
        waited = now - active.reported
        pace = self.device_pool.pace(thief, active.lease.unit.model)
        if pace is None:
            return None
        copied = part_seconds(active.left, pace)
        return waited if waited - copied >= self._least_gain else None
