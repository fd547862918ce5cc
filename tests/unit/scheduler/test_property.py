"""Whatever happens in whatever order, every unit is in exactly one place.

A random interleaving of everything that workers and people do is carried out on the
coordinator and on the simplest possible model of it: sets of unit numbers. After each step
the two must agree, and at the end the journal alone must tell how every unit ended.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.balance import Clock, specs, unit
from tui_balancer.failures import Failure
from tui_balancer.leases import Directive, Progress
from tui_balancer.samples import DeviceSample, Telemetry
from tui_balancer.scheduler.commands import (
    AddFiles,
    Command,
    Drain,
    DrainDevice,
    MoveUnits,
    PauseAll,
    PauseDevice,
    ResumeAll,
    ResumeDevice,
    SetPolicy,
    StartDevice,
    StopNow,
    Undo,
)
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import (
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    MoveEvent,
    ReturnEvent,
    StealEvent,
)
from tui_balancer.scheduler.model import (
    CountSettings,
    DeviceState,
    Lease,
    ReturnCause,
    TimeSettings,
    Unit,
)

DEVICES = st.integers(0, 3)
POLICIES = st.sampled_from(
    [TimeSettings(0.0), TimeSettings(5.0), CountSettings(), CountSettings(1.0, 1, 1, 0.5)]
)


@dataclass
class Worker:
    """What a worker process knows: who it is, and the lease it holds."""

    device: str
    incarnation: int
    lease: Lease | None = None
    done: float = 0.0
    claimed: bool = False


class AnyInterleaving(RuleBasedStateMachine):
    """Workers, people and deaths at random, against sets of unit numbers."""

    @initialize(
        weights=st.lists(st.sampled_from([0.5, 1.0, 2.5]), min_size=1, max_size=4),
        costs=st.lists(st.integers(0, 50), max_size=14),
        policy=POLICIES,
        stealing=st.booleans(),
    )
    def begin(
        self,
        weights: list[float],
        costs: list[int],
        policy: TimeSettings | CountSettings,
        stealing: bool,
    ) -> None:
        self.clock = Clock()
        self.journal: list[Event] = []
        self.devices = [spec.device for spec in specs(*weights)]
        self.coordinator = WorkStealingCoordinator(
            specs(*weights),
            policy=policy,
            stealing=stealing,
            # Each unit has one lease at most; copies are looked at where units are divided.
            copying=False,
            clock=self.clock,
            sink=self.journal.append,
        )
        self.units = {number: unit(number, float(cost)) for number, cost in enumerate(costs)}
        self.bad = Unit(len(costs), "empty.faa", 0, 0, 0.0)
        self.coordinator.add_failed(self.bad, Failure("no sequences"))
        self.coordinator.assign(self.units.values())
        self.bad_units = {self.bad.unit_id}
        self.awaiting = 0
        self.workers: dict[str, Worker] = {}
        self.publishing: list[Lease] = []
        self.finished: Counter[int] = Counter()
        self.failed: set[int] = {self.bad.unit_id}
        self.granted: set[tuple[int, int]] = set()
        self.stale: list[tuple[str, int, Lease]] = []
        self.ended_early = False
        for device in self.devices:
            self._start(device)

    def _start(self, device: str) -> None:
        incarnation = self.coordinator.worker_starting(device)
        self.coordinator.worker_ready(device, incarnation, "card")
        self.workers[device] = Worker(device, incarnation)

    def _worker(self, number: int) -> Worker | None:
        return self.workers.get(self.devices[number % len(self.devices)])

    def _state(self, device: str) -> DeviceState:
        rows = {row.device: row.state for row in self.coordinator.get_gpu_metrics()}
        return rows[device]

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(number=DEVICES)
    def take(self, number: int) -> None:
        worker = self._worker(number)
        if worker is None or worker.lease is not None:
            return
        held = self._state(worker.device) is DeviceState.PAUSED
        leaving = self.coordinator.finished_for(worker.device, worker.incarnation)
        lease = self.coordinator.take(worker.device, worker.incarnation)
        if lease is None:
            return
        assert not held
        assert not leaving
        assert not self.ended_early
        assert lease.device == worker.device
        assert (lease.unit.unit_id, lease.epoch) not in self.granted
        self.granted.add((lease.unit.unit_id, lease.epoch))
        worker.lease, worker.done, worker.claimed = lease, 0.0, False

    @rule(number=DEVICES)
    def steal_without_taking(self, number: int) -> None:
        device = self.devices[number % len(self.devices)]
        stolen = self.coordinator.try_steal_work(device)
        if stolen is not None:
            assert self.coordinator.queue(device)[0] is stolen

    @rule(number=DEVICES, share=st.floats(0, 1))
    def report(self, number: int, share: float) -> None:
        worker = self._worker(number)
        if worker is None or worker.lease is None or worker.claimed:
            return
        worker.done += (1 - worker.done) * share
        lease = worker.lease
        directive = self.coordinator.report_progress(
            worker.device,
            worker.incarnation,
            lease.unit.unit_id,
            lease.epoch,
            Progress(int(10 * worker.done), int(1000 * worker.done), lease.unit.cost * worker.done),
        )
        if directive is Directive.ABANDON:
            assert self.coordinator.return_lease(
                worker.device,
                worker.incarnation,
                lease.unit.unit_id,
                lease.epoch,
                ReturnCause.STOPPED,
            )
            self.stale.append((worker.device, worker.incarnation, lease))
            worker.lease = None
        held = self._state(worker.device) is DeviceState.PAUSED
        assert (directive is Directive.PAUSE) <= held
        waited = self.coordinator.wait_while_paused(worker.device, worker.incarnation, 0.0)
        assert waited is directive

    @rule(number=DEVICES, busy=st.floats(0, 100))
    def measure(self, number: int, busy: float) -> None:
        worker = self._worker(number)
        if worker is not None:
            self.coordinator.record_telemetry(
                worker.device, worker.incarnation, Telemetry(busy, DeviceSample(10, 100))
            )

    @rule(number=DEVICES)
    def claim(self, number: int) -> None:
        worker = self._worker(number)
        if worker is None or worker.lease is None:
            return
        lease = worker.lease
        granted = self.coordinator.begin_completion(
            worker.device, worker.incarnation, lease.unit.unit_id, lease.epoch
        )
        assert granted == (not worker.claimed)
        worker.claimed = True

    @rule(number=DEVICES, fails=st.booleans())
    def publish(self, number: int, fails: bool) -> None:
        worker = self._worker(number)
        if worker is None or worker.lease is None or not worker.claimed:
            return
        self._record(worker.lease, fails=fails)
        self.stale.append((worker.device, worker.incarnation, worker.lease))
        worker.lease = None

    @rule(fails=st.booleans())
    def publish_after_a_death(self, fails: bool) -> None:
        if self.publishing:
            self._record(self.publishing.pop(0), fails=fails)

    def _record(self, lease: Lease, *, fails: bool) -> None:
        number = lease.unit.unit_id
        if fails:
            assert self.coordinator.record_file_failure(number, lease.epoch, Failure("disk full"))
            self.failed.add(number)
        else:
            assert self.coordinator.record_file_completion(number, lease.epoch, 1.0)
            self.finished[number] += 1

    @rule(number=DEVICES)
    def die(self, number: int) -> None:
        worker = self._worker(number)
        if worker is None:
            return
        before = len(self.journal)
        restart = self.coordinator.worker_died(worker.device, worker.incarnation, "signal 9")
        if worker.lease is not None and worker.claimed:
            self.publishing.append(worker.lease)
        if worker.lease is not None:
            self.stale.append((worker.device, worker.incarnation, worker.lease))
        for event in self.journal[before:]:
            if isinstance(event, FailureEvent):
                self.failed.add(event.unit_id)
        del self.workers[worker.device]
        assert self.coordinator.take(worker.device, worker.incarnation) is None
        assert not self.coordinator.worker_died(worker.device, worker.incarnation, "again")
        if restart:
            self._start(worker.device)

    @rule(pick=st.integers(0, 50))
    def a_ghost_speaks(self, pick: int) -> None:
        if not self.stale:
            return
        device, incarnation, lease = self.stale[pick % len(self.stale)]
        number, epoch = lease.unit.unit_id, lease.epoch
        if any(one.unit.unit_id == number and one.epoch == epoch for one in self.publishing):
            return
        progress = Progress(1, 1, 1.0)
        here = self.coordinator
        events = here.snapshot().last_event
        assert not here.begin_completion(device, incarnation, number, epoch)
        assert not here.record_file_completion(number, epoch, 1.0)
        assert not here.record_file_failure(number, epoch, Failure("late"))
        assert not here.return_lease(device, incarnation, number, epoch, ReturnCause.STOPPED)
        assert (
            here.report_progress(device, incarnation, number, epoch, progress) is Directive.ABANDON
        )
        assert here.snapshot().last_event == events

    @rule(number=DEVICES)
    def an_old_incarnation_speaks(self, number: int) -> None:
        device = self.devices[number % len(self.devices)]
        worker = self.workers.get(device)
        old = worker.incarnation - 1 if worker else 99
        assert self.coordinator.take(device, old) is None
        assert self.coordinator.finished_for(device, old)
        assert not self.coordinator.worker_died(device, old, "late")

    @rule(number=DEVICES, policy=POLICIES, pick=st.integers(0, 4))
    def command(self, number: int, policy: TimeSettings | CountSettings, pick: int) -> None:
        device = self.devices[number % len(self.devices)]
        commands: list[Command] = [
            PauseDevice(device),
            ResumeDevice(device),
            PauseAll(),
            ResumeAll(),
            SetPolicy(policy),
        ]
        before = self.coordinator.snapshot()
        outcome = self.coordinator.execute(commands[pick])
        changed = self.coordinator.snapshot().last_event > before.last_event
        if commands[pick] == SetPolicy(before.policy):
            # It is accepted without an event, or refused where stealing is off.
            assert not changed
        else:
            assert outcome.accepted == changed

    @rule(
        number=DEVICES,
        chosen=st.lists(st.integers(0, 16), max_size=5),
    )
    def move(self, number: int, chosen: list[int]) -> None:
        device = self.devices[number % len(self.devices)]
        before = set(self._queued())
        here = {one.unit_id for one in self.coordinator.queue(device)}
        first = self.coordinator.snapshot().last_event
        outcome = self.coordinator.execute(MoveUnits(tuple(chosen), device))
        events = self.coordinator.events_after(first)
        moved = {event.unit_id for event in events if isinstance(event, MoveEvent)}
        assert outcome.accepted == bool(moved)
        assert moved in ((set(chosen) & before) - here, set())

    @rule(number=DEVICES, pick=st.sampled_from(["drain", "drain", "start", "undo"]))
    def drain_or_start(self, number: int, pick: str) -> None:
        device = self.devices[number % len(self.devices)]
        commands = {"drain": DrainDevice(device), "start": StartDevice(device), "undo": Undo()}
        before = self.coordinator.snapshot().last_event
        outcome = self.coordinator.execute(commands[pick])
        assert outcome.accepted == (self.coordinator.snapshot().last_event > before)
        if outcome.accepted and pick == "drain":
            worker = self.workers.get(device)
            if worker is not None:
                assert self.coordinator.finished_for(device, worker.incarnation)
            off = {DeviceState.DEAD, DeviceState.DRAINED, DeviceState.STOPPED}
            others = [one for one in self.devices if one != device]
            drained = [one for one in others if self.coordinator.is_drained(one)]
            if any(one not in drained and self._state(one) not in off for one in others):
                assert not self.coordinator.queue(device)

    @rule(number=DEVICES)
    def leave_when_told_to(self, number: int) -> None:
        worker = self._worker(number)
        if worker is None or worker.lease is not None:
            return
        if not self.coordinator.finished_for(worker.device, worker.incarnation):
            return
        del self.workers[worker.device]
        if self.coordinator.worker_died(worker.device, worker.incarnation, ""):
            self._start(worker.device)

    @rule()
    def start_what_is_absent(self) -> None:
        for device in self.coordinator.absent():
            assert device not in self.workers
            self._start(device)

    @rule()
    def ask_to_add(self) -> None:
        over = self.coordinator.over
        accepted = self.coordinator.execute(AddFiles(("more",))).accepted
        assert accepted == (not over and not self.ended_early)
        self.awaiting += accepted

    @rule(costs=st.lists(st.integers(0, 50), max_size=4), bad=st.booleans())
    def add(self, costs: list[int], bad: bool) -> None:
        if not self.awaiting or not (costs or bad):
            return
        first = len(self.units) + len(self.bad_units)
        new = {first + place: unit(first + place, float(cost)) for place, cost in enumerate(costs)}
        self.units |= new
        failed = []
        if bad:
            number = first + len(costs)
            failed = [(Unit(number, "bad.faa", 0, 0, 0.0), Failure("no sequences"))]
            self.bad_units.add(number)
            self.failed.add(number)
        self.coordinator.add([*new.values()], failed, "more")

    @rule()
    def nothing_more_comes(self) -> None:
        if self.awaiting:
            self.awaiting -= 1
            self.coordinator.files_settled()

    @rule(stop=st.booleans(), really=st.integers(0, 9))
    def end_early(self, stop: bool, really: int) -> None:
        if really:
            return
        if self.coordinator.execute(StopNow() if stop else Drain()).accepted:
            self.ended_early = True

    def _queued(self) -> list[int]:
        return [one.unit_id for name in self.devices for one in self.coordinator.queue(name)]

    def _leased(self) -> list[int]:
        held = [worker.lease for worker in self.workers.values() if worker.lease is not None]
        return [lease.unit.unit_id for lease in held + self.publishing]

    @invariant()
    def every_unit_is_in_exactly_one_place(self) -> None:
        places = [*self._queued(), *self._leased(), *self.finished.elements(), *self.failed]
        assert sorted(places) == sorted([*self.units, *self.bad_units])

    @invariant()
    def totals_add_up(self) -> None:
        def files(numbers: list[int]) -> int:
            return sum(self.units[number].files for number in numbers)

        totals = self.coordinator.totals()
        assert totals.files == files(list(self.units)) + len(self.bad_units)
        assert totals.done == files(list(self.finished))
        assert totals.failed == files(list(self.failed - self.bad_units)) + len(self.bad_units)
        assert totals.running == files(self._leased())
        assert totals.waiting == files(self._queued())
        assert 0 <= totals.cost_done <= totals.cost

    @invariant()
    def the_devices_rows_add_up_too(self) -> None:
        rows = self.coordinator.get_gpu_metrics()
        steals = [event for event in self.journal if isinstance(event, StealEvent)]
        stolen = sum(self.units[event.unit_id].files for event in steals)
        assert sum(row.stolen_to for row in rows) == stolen
        assert sum(row.stolen_from for row in rows) == stolen
        assert sum(row.files_done for row in rows) == self.coordinator.totals().done
        for row in rows:
            queue = self.coordinator.queue(row.device)
            assert row.queued_files == sum(one.files for one in queue)
            assert row.queued_cost == sum(one.cost for one in queue)

    @invariant()
    def events_are_numbered_without_gaps(self) -> None:
        assert [event.sequence for event in self.journal] == [*range(1, len(self.journal) + 1)]
        assert self.coordinator.events_after(0) == tuple(self.journal)
        assert all(
            earlier.seconds <= later.seconds
            for earlier, later in zip(self.journal, self.journal[1:], strict=False)
        )

    @invariant()
    def it_is_over_exactly_when_nothing_can_happen_any_more(self) -> None:
        nothing_runs = not self._leased()
        given_up = {DeviceState.DEAD, DeviceState.STOPPED}
        all_given_up = all(self._state(device) in given_up for device in self.devices)
        nothing_left = not self._queued() and not self.awaiting
        nothing_starts = nothing_left or self.ended_early or all_given_up
        assert self.coordinator.over == (nothing_runs and nothing_starts)

    def teardown(self) -> None:
        """Let the run come to its end, whatever state it is in."""
        if not hasattr(self, "coordinator"):
            return
        self.coordinator.execute(ResumeAll())
        for device in self.devices:
            self.coordinator.execute(StartDevice(device))
        while self.awaiting:
            self.nothing_more_comes()
        while self.publishing:
            self.publish_after_a_death(fails=False)
        for number in range(len(self.devices)):
            self.claim(number)
            self.publish(number, fails=False)
        idle_rounds = 0
        while not self.coordinator.over:
            self.clock.now += 10.0
            before = sum(self.finished.values())
            self.start_what_is_absent()
            for number in range(len(self.devices)):
                self.leave_when_told_to(number)
                self.take(number)
                self.claim(number)
                self.publish(number, fails=False)
            idle_rounds = idle_rounds + 1 if sum(self.finished.values()) == before else 0
            assert idle_rounds < 3, "devices idle beside waiting units"
        self.every_unit_is_in_exactly_one_place()
        assert self._journalled_ends() == self._ends()
        if self._queued():
            assert self.ended_early or not self.workers

    def _ends(self) -> dict[int, str]:
        ends = dict.fromkeys(self._queued(), "waiting")
        return ends | dict.fromkeys(self.finished, "done") | dict.fromkeys(self.failed, "failed")

    def _journalled_ends(self) -> dict[int, str]:
        ends = dict.fromkeys(self.units, "waiting")
        for event in self.journal:
            if isinstance(event, LeaseEvent):
                assert ends[event.unit_id] == "waiting"
                ends[event.unit_id] = "running"
            elif isinstance(event, ReturnEvent):
                assert ends[event.unit_id] == "running"
                ends[event.unit_id] = "waiting"
            elif isinstance(event, DoneEvent):
                assert ends[event.unit_id] == "running"
                ends[event.unit_id] = "done"
            elif isinstance(event, FailureEvent):
                assert ends.get(event.unit_id, "running") == "running"
                ends[event.unit_id] = "failed"
        return ends


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
