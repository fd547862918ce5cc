"""The coordinator's state and its elementary steps, without the lock around them.

Every step leaves each unit in exactly one place and writes the event that tells of it. Those that
end a lease are in `actions.completion`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tui_balancer.failures import Failure
from tui_balancer.leases import Directive, Progress
from tui_balancer.scheduler.event_log import EventLog, EventSink
from tui_balancer.scheduler.events import AssignmentEvent, DeviceEvent, FailureEvent, LeaseEvent
from tui_balancer.scheduler.model import DeviceSpec, Lease, ModelSpec, PolicySettings, Unit
from tui_balancer.scheduler.policy.assignment import (
    assign_files_evenly,
    assign_files_weighted,
    known_speeds,
)
from tui_balancer.scheduler.policy.balancer import Balancer
from tui_balancer.scheduler.policy.bounds import fluid_efficiency
from tui_balancer.scheduler.policy.model_shares import Assign, assign_by_model
from tui_balancer.scheduler.policy.stealing import TimePolicy
from tui_balancer.scheduler.splitting.joining import Joiner
from tui_balancer.scheduler.splitting.shards import DividedFiles
from tui_balancer.scheduler.splitting.sharing import Sharer
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease
from tui_balancer.scheduler.state.queues import by_priority
from tui_balancer.scheduler.state.unit_store import UnitStore

UNDOS: Final = 20
"""Changes that can be undone, the newest ones; one of 100,000 files keeps megabytes."""


class SchedulerState:
    """The scheduler's state: devices, queues, units and the event log.

    Attributes:
        clock: Seconds since the run began.
        device_pool: The devices, their queues and rates.
        units: The place of every unit.
        balancer: Moves units between the queues by the policy in force.
        assigned: Whether the units are there; before that nothing to do is not an end.
        draining: Whether nothing new is started.
        stopping: Whether running units are abandoned too.
        version: Grows with every change after which a worker that was told "nothing for you"
            or "pause" may get another answer.
        inverses: Take back what a person did, the newest last; see `actions.undo`.
        max_restarts: Restarts a device gets before it is given up.
        poison_limit: Workers that a unit may kill before it is failed.
        sharer: Lets several devices work on one unit.
        joiner: Decides which idle device joins which running unit.
        divided: Follows the files that are divided into shards.
        began: When the first lease was granted; None before.
        last_end: When the last lease ended; None before.
        idle_seconds: Seconds since then in which nothing was to be done, up to the newest files.
        awaiting: How many wait for files that are to be added: the run is not over before.
    """

    def __init__(
        self,
        devices: Sequence[DeviceSpec],
        policy: PolicySettings,
        *,
        stealing: bool,
        splitting: bool,
        copying: bool,
        clock: Callable[[], float],
        sink: EventSink | None,
        max_restarts: int,
        poison_limit: int,
        models: Sequence[ModelSpec] = (ModelSpec(),),
    ) -> None:
        self.clock = clock
        self.log = EventLog(clock, sink)
        self.device_pool = DevicePool(devices, models)
        self.units = UnitStore()
        self.balancer = Balancer(
            self.device_pool, self.units, self.log, policy, stealing=stealing, clock=clock
        )
        self.sharer = Sharer(self.device_pool, self.units, self.log, self.balancer, clock)
        self.joiner = Joiner(
            self.device_pool, self.units, self.balancer, self.sharer, clock, splitting, copying
        )
        self.divided = DividedFiles(self.device_pool, self.units, self.log, self.balancer)
        self.assigned = False
        self.draining = False
        self.stopping = False
        self.version = 0
        self.began: float | None = None
        self.last_end: float | None = None
        self.idle_seconds = 0.0
        self.awaiting = 0
        self.inverses: deque[Callable[[SchedulerState], str]] = deque(maxlen=UNDOS)
        self.max_restarts = max_restarts
        self.poison_limit = poison_limit

    @property
    def ending(self) -> bool:
        """Whether no unit is started any more."""
        return self.draining or self.stopping

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing can be started any more."""
        if self.units.active:
            return False
        done = self.assigned and not self.units.home and not self.awaiting
        return self.ending or done or not self.device_pool.any_left

    @property
    def idle_since(self) -> float | None:
        """Since when there is nothing to do, after the first lease; None while there is."""
        return None if self.units.active or self.units.home else self.last_end

    def changed(self) -> None:
        """Note that idle and paused workers should ask again."""
        self.version += 1

    def assign(
        self, units: Iterable[Unit], attempts: Mapping[int, int], deaths: Mapping[int, int]
    ) -> None:
        """Distribute the units over the live devices; over all, when none is alive."""
        assert not self.assigned, "a run is assigned once"
        self.units.epochs.update(attempts)
        self.units.killed_before.update(deaths)
        records = self.device_pool.live or list(self.device_pool)
        assign: Assign = assign_files_weighted
        if self.balancer.stealing and isinstance(self.balancer.policy, TimePolicy):
            assign = assign_files_evenly
        given, specs = self.divided.enter(units), [record.spec for record in records]
        if self.device_pool.models.several:
            shares = assign_by_model(
                given,
                [replace(record.spec, model=record.model) for record in records],
                known_speeds(specs),
                self._change_seconds(specs),
                assign,
            )
        else:
            shares = assign(given, specs)
        for record in records:
            for unit in by_priority(shares[record.device]):
                self.units.add(unit, record.device)
                record.queue.append(unit)
        self.assigned = True
        self.note_queues(records)
        self.balancer.forget()
        self.changed()

    def _change_seconds(self, specs: Sequence[DeviceSpec]) -> Callable[[int], float]:
        """Return how long a change of the model takes, if speeds are FLOP/s and not relative."""
        if all(spec.rate is None and not spec.other_rates for spec in specs):
            return lambda _: 0.0
        return self.device_pool.models.seconds

    def model_for(self, record: DeviceRecord) -> int:
        """Return the model that a new worker of a device should load."""
        return record.queue.head().model if record.queue else record.model

    def note_queues(self, records: Iterable[DeviceRecord]) -> None:
        """Write down the order of queues, where single steps do not tell it."""
        queues = tuple((record.device, record.queue.order()) for record in records)
        self.log.add(AssignmentEvent, queues)

    def add_failed(self, unit: Unit, failure: Failure, *, by_hand: bool = False) -> None:
        """Enter a unit that cannot be computed."""
        self.units.add_failed(unit, skipped=by_hand)
        self.log.add(
            FailureEvent,
            unit.unit_id,
            unit.name,
            None,
            failure.reason,
            by_hand=by_hand,
            cause=failure.cause,
            whole=unit.whole,
        )

    def first_free(self) -> DeviceRecord:
        """Return the live device that finishes its queue first; without any, a drained one."""
        now = self.clock()
        return min(
            self.device_pool.live or [one for one in self.device_pool if one.drained],
            key=lambda record: (
                record.paused,
                self.device_pool.remaining_seconds(record, now) or 0.0,
                record.queue.cost,
            ),
        )

    def take(self, record: DeviceRecord) -> Lease | None:
        """Lease the next unit of a device's queue, or steal one if there is none."""
        if record.active is not None:
            raise ValueError(f"{record.device} asks for work while it holds a lease")
        if record.held_up:
            record.held_up = False
            self.balancer.forget()
        active = None
        if self._may_start(record):
            active = self.joiner.take_wanted(record) or self._take_whole(record)
            active = active or self.joiner.take(record)
        if active is None:
            record.seen = self.version
            return None
        if self.began is None:
            self.began = self.clock()
        return active.lease

    def steal(self, record: DeviceRecord) -> Unit | None:
        """Move a unit from another queue to the front of a device's, if the policy says so."""
        return self.balancer.steal(record) if self._may_start(record) else None

    def learn_batches(
        self, record: DeviceRecord, active: ActiveLease, costs: Iterable[float]
    ) -> None:
        """Record the costs of a unit's batches; idle devices check whether to take some."""
        self.sharer.learn(active, costs)
        self.balancer.note(record)
        if self.joiner.worth_joining(record):
            self.changed()

    def advance(
        self, record: DeviceRecord, active: ActiveLease, progress: Progress, batch: int | None
    ) -> None:
        """Note a progress report; idle devices look again if this one fell behind by it."""
        record.advance(active, progress, self.clock())
        self.sharer.note_batch(active, batch)
        self.device_pool.learn_from(record)
        self.balancer.note(record)
        if self.balancer.fell_behind(record, joinable=self.joiner.worth_joining(record)):
            self.changed()

    def directive(self, record: DeviceRecord, active: ActiveLease) -> Directive:
        """Return what a worker does with its lease at this batch boundary."""
        if self.stopping or (record.leaving_since is not None and not active.computed):
            return Directive.ABANDON
        if record.paused:
            active.held = True
            self.balancer.note(record)
            return Directive.PAUSE
        return Directive.RESHARE if active.reshared else Directive.CONTINUE

    def finish_part(self, active: ActiveLease, compute_seconds: float) -> Directive:
        """Return the directive for a worker that has finished its batches."""
        leaving = self.device_pool[active.lease.device].leaving_since is not None
        if self.stopping or leaving:
            return Directive.ABANDON
        return self.sharer.finish_part(active, compute_seconds)

    def claim(self, active: ActiveLease) -> None:
        """Claim a unit for a lease: its others are over."""
        self.sharer.end_others(active)
        active.claimed = True

    def heir(self, record: DeviceRecord) -> DeviceRecord:
        """Return the device that a returned unit of a device waits for."""
        if record.live:
            return record
        return self.device_pool.fallback(record, stealing=self.balancer.stealing)

    def computed(self, record: DeviceRecord, active: ActiveLease) -> None:
        """Note that a device writes what it has computed, and can take more work."""
        active.computed = True
        record.active = None
        record.behind.append(active)
        self.balancer.note(record)

    def announce(self, record: DeviceRecord, reason: str) -> None:
        """Log the state of a device."""
        self.log.add(DeviceEvent, record.device, record.state, reason)
        self.balancer.forget()
        self.changed()

    def efficiency(self) -> float | None:
        """Return the fluid bound of the work done over the time since the first lease.

        Time in which nothing was to be done does not count.
        """
        if self.began is None:
            return None
        until = self.clock() if self.idle_since is None else self.idle_since
        devices = list(self.device_pool)
        work = [(one.computed_cost, one.computing_seconds) for one in devices]
        away = [one.absence.within(self.began, until) for one in devices]
        return fluid_efficiency(work, until - self.began - self.idle_seconds, away)

    def eta_seconds(self) -> float | None:
        """Return the estimated seconds to the end; None while it cannot be known."""
        if not self.assigned or self.over or not self.device_pool.at_work:
            return None
        if not (self.units.home or self.units.active):
            return None
        now = self.clock()
        if self.ending:
            return self.device_pool.last_end(now, with_queues=False)
        if not self.balancer.stealing:
            return self.device_pool.last_end(now, with_queues=True)
        return self.device_pool.even_end(now)

    def next_check(self, record: DeviceRecord) -> float | None:
        """Return when an idle device checks for work again without a change; None for never."""
        checks = (self.balancer.next_check(record), self.joiner.next_check(record))
        return min((check for check in checks if check is not None), default=None)

    def _may_start(self, record: DeviceRecord) -> bool:
        ready = record.live and not record.paused and record.leaving_since is None
        return self.assigned and not self.ending and ready

    def _take_whole(self, record: DeviceRecord) -> ActiveLease | None:
        unit = self.balancer.next_unit(record)
        if unit is not None:
            record.queue.remove(unit)
        else:
            unit = self.balancer.take_stolen(record)
        if unit is None:
            return None
        now = self.clock()
        active = self.units.grant(unit, record.device, record.incarnation, now)
        self.device_pool.begin(record, active, now)
        record.started(active, now, self.device_pool.rate(record))
        self.balancer.finish_times.note(record, now)
        self.log.add(LeaseEvent, *active.lease.named)
        return active
