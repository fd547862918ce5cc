"""However a unit is divided, each of its batches is in exactly one pair of hands.

Workers that compute batch after batch, die, are paused and helped, at random; what they have
reported is kept. Whoever brings a unit together must find all of it there, and nothing that was
kept is ever computed again, but by twins.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.balance import Clock, numbers, unit
from tui_balancer.leases import Directive, Progress, Spans
from tui_balancer.scheduler.commands import (
    DrainDevice,
    PauseDevice,
    ResumeAll,
    SplitUnit,
    StartDevice,
)
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import Event, SplitEvent
from tui_balancer.scheduler.model import CountSettings, DeviceSpec, Lease, ReturnCause, TimeSettings

DEVICES = st.integers(0, 3)
BATCH_SECONDS = 4.0


@dataclass
class Worker:
    """A worker process: its lease, the batches it knows of, and what it has done of them."""

    device: str
    incarnation: int
    lease: Lease | None = None
    spans: Spans = ()
    whole: bool = False
    done: list[int] = field(default_factory=list)
    in_flight: int | None = None
    held: bool = False


class AnyDivision(RuleBasedStateMachine):
    """Batches in the hands of workers that come and go."""

    @initialize(
        rates=st.lists(st.sampled_from([0.5, 1.0, 4.0]), min_size=2, max_size=4),
        sizes=st.lists(st.integers(1, 12), min_size=1, max_size=3),
        policy=st.sampled_from([TimeSettings(0.0), TimeSettings(3.0), CountSettings()]),
        splitting=st.sampled_from([True, True, True, False]),
    )
    def begin(
        self,
        rates: list[float],
        sizes: list[int],
        policy: TimeSettings | CountSettings,
        splitting: bool,
    ) -> None:
        self.clock = Clock()
        self.journal: list[Event] = []
        self.sizes = dict(enumerate(sizes))
        self.devices = [f"cuda:{number}" for number in range(len(rates))]
        self.coordinator = WorkStealingCoordinator(
            [DeviceSpec(f"cuda:{n}", "card", 1.0, rate) for n, rate in enumerate(rates)],
            policy=policy,
            splitting=splitting,
            clock=self.clock,
            sink=self.journal.append,
            max_restarts=2,
            poison_limit=4,
        )
        self.coordinator.assign(unit(n, BATCH_SECONDS * size) for n, size in self.sizes.items())
        self.kept: dict[int, set[int]] = {number: set() for number in self.sizes}
        self.computed: Counter[tuple[int, int]] = Counter()
        self.twins: set[int] = set()
        self.finished: list[int] = []
        self.workers: dict[str, Worker] = {}
        for device in self.devices:
            self._start(device)

    def _start(self, device: str) -> None:
        incarnation = self.coordinator.worker_starting(device)
        self.coordinator.worker_ready(device, incarnation, "card")
        self.workers[device] = Worker(device, incarnation)

    def _worker(self, number: int) -> Worker | None:
        return self.workers.get(self.devices[number % len(self.devices)])

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(number=DEVICES)
    def take(self, number: int) -> None:
        worker = self._worker(number)
        if worker is None or worker.lease is not None:
            return
        lease = self.coordinator.take(worker.device, worker.incarnation)
        if lease is None:
            return
        unit_id = lease.unit.unit_id
        worker.lease, worker.done, worker.in_flight, worker.held = lease, [], None, False
        worker.whole = lease.spans is None
        worker.spans = ((0, self.sizes[unit_id]),) if lease.spans is None else lease.spans
        if any(isinstance(event, SplitEvent) and event.copy for event in self.journal):
            self.twins.add(unit_id)
        costs = [
            0.0 if n in self.kept[unit_id] else BATCH_SECONDS for n in range(self.sizes[unit_id])
        ]
        if len(costs) > 1:
            self.coordinator.learn_batches(*self._address(worker), costs)

    def _address(self, worker: Worker) -> tuple[str, int, int, int]:
        lease = worker.lease
        assert lease is not None
        return worker.device, worker.incarnation, lease.unit.unit_id, lease.epoch

    @rule(number=DEVICES, seconds=st.floats(0.1, 20))
    def compute(self, number: int, seconds: float) -> None:
        worker = self._worker(number)
        if worker is None or worker.lease is None:
            return
        unit_id = worker.lease.unit.unit_id
        if worker.held:
            self._obey(
                worker,
                self.coordinator.wait_while_paused(worker.device, worker.incarnation, 0.0),
            )
            return
        if worker.in_flight is None:
            missing = [one for one in numbers(worker.spans) if one not in self.kept[unit_id]]
            if missing:
                worker.in_flight = missing[0]
            else:
                self._through(worker)
            return
        batch, worker.in_flight = worker.in_flight, None
        self.clock.now += seconds
        self.kept[unit_id].add(batch)
        self.computed[unit_id, batch] += 1
        worker.done.append(batch)
        done = Progress(0, 0, BATCH_SECONDS * len(worker.done))
        self._obey(worker, self.coordinator.report_progress(*self._address(worker), done, batch))

    def _obey(self, worker: Worker, directive: Directive) -> None:
        worker.held = directive is Directive.PAUSE
        if directive is Directive.ABANDON:
            # Nobody else has its batches by now, if its device is drained.
            self.coordinator.return_lease(*self._address(worker), ReturnCause.STOPPED)
            worker.lease = None
        elif directive is Directive.RESHARE:
            share = self.coordinator.share(*self._address(worker))
            assert share is not None
            unit_id = worker.lease.unit.unit_id if worker.lease else -1
            worker.whole = share.spans is None
            worker.spans = ((0, self.sizes[unit_id]),) if share.spans is None else share.spans
            if worker.whole:
                assert self.kept[unit_id] == {*range(self.sizes[unit_id])}, "batches were lost"

    def _through(self, worker: Worker) -> None:
        if not worker.whole:
            directive = self.coordinator.finish_part(*self._address(worker), 1.0)
            assert directive in (Directive.RESHARE, Directive.RELEASE, Directive.ABANDON)
            if directive is Directive.RELEASE:
                worker.lease = None
            self._obey(worker, directive)
            return
        device, incarnation, unit_id, epoch = self._address(worker)
        worker.lease = None
        if self.coordinator.begin_completion(device, incarnation, unit_id, epoch):
            assert self.kept[unit_id] == {*range(self.sizes[unit_id])}
            assert self.coordinator.record_file_completion(unit_id, epoch, 1.0)
            self.finished.append(unit_id)

    @rule(but=st.integers(0, 7), rounds=st.integers(1, 4), seconds=st.floats(0.1, 6))
    def all_but_one_go_on(self, but: int, rounds: int, seconds: float) -> None:
        """Let workers go on as real ones do; one of them, or none, hangs in its batch."""
        for _ in range(2 * rounds):
            for number in range(len(self.devices)):
                if number != but:
                    self.take(number)
                    self.compute(number, seconds / len(self.devices))

    @rule(number=DEVICES)
    def die(self, number: int) -> None:
        worker = self._worker(number)
        if worker is None or len(self.workers) == 1:
            return
        del self.workers[worker.device]
        if self.coordinator.worker_died(worker.device, worker.incarnation, "signal 9"):
            self._start(worker.device)

    @rule(number=DEVICES, pause=st.booleans())
    def hold_or_let_go(self, number: int, pause: bool) -> None:
        device = self.devices[number % len(self.devices)]
        self.coordinator.execute(PauseDevice(device) if pause else ResumeAll())

    @rule(number=DEVICES, drain=st.booleans())
    def drain_or_start(self, number: int, drain: bool) -> None:
        device = self.devices[number % len(self.devices)]
        self.coordinator.execute(DrainDevice(device) if drain else StartDevice(device))

    @rule()
    def workers_come_and_go(self) -> None:
        for worker in list(self.workers.values()):
            device, incarnation = worker.device, worker.incarnation
            if worker.lease is None and self.coordinator.finished_for(device, incarnation):
                del self.workers[device]
                if self.coordinator.worker_died(device, incarnation, ""):
                    self._start(device)
        for device in self.coordinator.absent():
            self._start(device)

    @rule(number=DEVICES, unit_id=st.integers(0, 3))
    def split_by_hand(self, number: int, unit_id: int) -> None:
        device = self.devices[number % len(self.devices)]
        self.coordinator.execute(SplitUnit(unit_id, device))

    @invariant()
    def every_batch_is_kept_or_in_one_pair_of_hands(self) -> None:
        for unit_id, work in self.coordinator._state.units.active.items():
            if work.plan is None:
                continue
            hands = Counter(
                number
                for lease in work.leases.values()
                if not 0 < lease.twin < lease.lease.epoch
                for number in numbers(lease.todo or ())
            )
            assert not hands or max(hands.values()) == 1
            assert {*hands} | self.kept[unit_id] == {*range(self.sizes[unit_id])}

    @invariant()
    def nothing_that_is_kept_is_computed_again(self) -> None:
        if not self.twins:
            assert all(times == 1 for times in self.computed.values())

    @invariant()
    def totals_stay_within_what_there_is(self) -> None:
        totals = self.coordinator.totals()
        assert totals.files == totals.done + totals.failed + totals.running + totals.waiting
        assert 0 <= totals.cost_done <= totals.cost

    def teardown(self) -> None:
        """Let the run come to its end, whatever state it is in."""
        if not hasattr(self, "coordinator"):
            return
        self.coordinator.execute(ResumeAll())
        for device in self.devices:
            self.coordinator.execute(StartDevice(device))
        rounds = 0
        while not self.coordinator.over:
            self.workers_come_and_go()
            for number in range(len(self.devices)):
                self.take(number)
                self.compute(number, 1.0)
                self.every_batch_is_kept_or_in_one_pair_of_hands()
            rounds += 1
            assert rounds < 500, "devices idle beside batches"
        failed = self.coordinator.totals().failed
        assert len(self.finished) == len({*self.finished}) == len(self.sizes) - failed


AnyDivision.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestAnyDivision = AnyDivision.TestCase
