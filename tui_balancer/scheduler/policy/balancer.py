"""Moves units between queues by the policy: steals for idle devices, and hand-overs."""

from __future__ import annotations

from collections.abc import Callable

from tui_balancer.scheduler.event_log import EventLog
from tui_balancer.scheduler.events import AssignmentEvent, StealEvent
from tui_balancer.scheduler.model import CountSettings, PolicySettings, TimeSettings, Unit
from tui_balancer.scheduler.policy.finish_times import FinishTimes
from tui_balancer.scheduler.policy.rule_settings import validate
from tui_balancer.scheduler.policy.stealing import (
    CountPolicy,
    StealDecision,
    TimePolicy,
    decide_free,
    make_policy,
)
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.unit_store import UnitStore


class Balancer:
    """Moves units between queues as the policy decides.

    Attributes:
        stealing: False under `--no-stealing`: then only a dead device's queue is open.
        finish_times: Estimated finish times of devices and run.
    """

    def __init__(
        self,
        device_pool: DevicePool,
        units: UnitStore,
        log: EventLog,
        policy: PolicySettings,
        *,
        stealing: bool,
        clock: Callable[[], float],
    ) -> None:
        self.stealing = stealing
        self._device_pool = device_pool
        self._units = units
        self._log = log
        self._clock = clock
        self.finish_times = FinishTimes(device_pool)
        self.set_policy(policy)

    def set_policy(self, settings: PolicySettings) -> None:
        """Set the policy; raises UserError if it is invalid."""
        validate(settings)
        self.policy: CountPolicy | TimePolicy = make_policy(settings)
        for record in self._device_pool:
            record.checked = None
        self.finish_times.gain_seconds = (
            settings.gain_seconds if isinstance(settings, TimeSettings) else 0.0
        )
        self.finish_times.forget()

    def forget(self) -> None:
        """Discard the estimates: devices changed, joined or left."""
        self.finish_times.forget()

    def note(self, record: DeviceRecord) -> None:
        """Update the estimates of one device: its lease, queue or rate has changed."""
        self.finish_times.note(record, self._clock())

    def next_unit(self, record: DeviceRecord) -> Unit | None:
        """Return the next unit of a device's own queue; None if it is empty.

        This is the head of its queue. Under `time` a file that this device would finish only after
        the even end of the whole run gives way to one that it can finish by then; if there is
        none, it is handed to an active device that would finish it sooner.
        """
        if not record.queue:
            return None
        self._keep_model(record)
        head = record.queue.head()
        policy = self.policy
        if not self.stealing or not isinstance(policy, TimePolicy):
            return head
        now = self._clock()
        end = self.finish_times.even_end(now)
        while record.queue:
            pace = self._device_pool.pace(record, record.queue.head().model)
            if pace is None or end is None:
                return record.queue.head()
            unit = policy.choose_own(record.queue, pace, end)
            if pace.seconds(unit.cost) <= end:
                return unit
            others = self.finish_times.at_work(record, now)
            decision = policy.decide_hand_over(
                unit, record.device, pace, others, self.finish_times.fastest
            )
            if decision is None:
                return unit
            taker = self._device_pool[decision.thief]
            self._carry_out(decision, now, first=False)
            taker.queue.append(unit)
            self._units.home[unit.unit_id] = taker.device
            self.note(taker)
        return None

    def _keep_model(self, record: DeviceRecord) -> None:
        """Put what a device can do without a change of its model before the rest of its queue.

        What a person put first stays first, and so does what has a priority.
        """
        queue = record.queue
        head = queue.head()
        if head.model == record.model or record.model not in queue.by_model:
            return
        if head.unit_id not in record.put_first and head.priority <= 0:
            queue.group(record.model)
            self._log.add(AssignmentEvent, ((record.device, queue.order()),))

    def steal(self, thief: DeviceRecord) -> Unit | None:
        """Move a unit to the front of an idle device's queue, if the policy decides so."""
        unit = self.take_stolen(thief)
        if unit is not None:
            thief.queue.push_front(unit)
            self._units.home[unit.unit_id] = thief.device
            self.note(thief)
        return unit

    def take_stolen(self, thief: DeviceRecord) -> Unit | None:
        """Remove a unit from another queue, for an idle device that starts it in this step."""
        now = self._clock()
        decision = self._decide(thief, now)
        if decision is None:
            return None
        self._carry_out(decision, now)
        return decision.unit

    def next_check(self, record: DeviceRecord) -> float | None:
        """Return the next check of an idle device under `count`; None to wait for changes."""
        settings = self.policy.settings
        if not self.stealing or not isinstance(settings, CountSettings) or record.checked is None:
            return None
        return record.checked + settings.interval_seconds

    def fell_behind(self, record: DeviceRecord, *, joinable: bool) -> bool:
        """Whether a device's estimated finish moved away by half the threshold.

        At steady rates a steal that does not pay now never will, so idle devices wake only then.

        Args:
            joinable: Whether others could join its running unit.
        """
        settings = self.policy.settings
        now = self._clock()
        remaining = self._device_pool.remaining_seconds(record, now)
        if not self.stealing or isinstance(settings, CountSettings) or remaining is None:
            return False
        if not (record.queue or joinable):
            return False
        finish = now + remaining
        if record.expected is None or finish > record.expected + settings.gain_seconds / 2:
            record.expected = finish
            return True
        record.expected = min(record.expected, finish)
        return False

    def _decide(self, thief: DeviceRecord, now: float) -> StealDecision | None:
        pool = self._device_pool
        free = self.finish_times.free(thief, dead_only=not self.stealing)
        if free:
            return decide_free(pool.thief(thief), free, self.finish_times.even_end(now))
        if not self.stealing:
            return None
        if isinstance(self.policy, TimePolicy):
            # Work for the model that it has comes first, even if another steal gains more.
            for changing in (False, True) if pool.models.several else (False,):
                seen = pool.thief(thief, changing=changing)
                victims = self.finish_times.victims(thief, now, changing=changing)
                if (decision := self.policy.decide(seen, victims)) is not None:
                    return decision
            return None
        check = self.next_check(thief)
        if check is not None and check > now:
            return None
        thief.checked = now
        return self.policy.decide(pool.thief(thief), pool.victims(thief, now))

    def _carry_out(self, decision: StealDecision, now: float, *, first: bool = True) -> None:
        """Remove a unit from its queue; the caller gives it to the device."""
        unit = decision.unit
        victim, thief = self._device_pool[decision.victim], self._device_pool[decision.thief]
        victim.queue.remove(unit)
        self.finish_times.note(victim, now)
        source, target = self._ends(victim, unit, now), self._ends(thief, unit, now)
        files = unit.files
        victim.stolen_from += files
        thief.stolen_to += files
        self._log.add(
            StealEvent,
            unit.unit_id,
            unit.name,
            unit.sequences,
            victim.device,
            thief.device,
            decision.reason,
            decision.finish_without,
            decision.finish_with,
            source and source[::-1],
            target,
            files,
            first,
        )

    def _ends(self, record: DeviceRecord, unit: Unit, now: float) -> tuple[float, float] | None:
        """Return the seconds until a device finishes, without a unit and with it.

        None if unknown.
        """
        if record.free:
            return None
        model, pool = unit.model, self._device_pool
        without, rate = self.finish_times.remaining_seconds(record, now), pool.rate(record, model)
        if without is None or rate is None:
            return None
        seconds = record.calibrations[model].predict(unit, rate)
        if model != record.model and model not in record.queue.by_model:
            seconds += pool.models.seconds(model)
        return without, without + seconds
