"""The coordinator among real threads: wakes whom it should, loses nothing."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.balance import Bench, specs, units
from tui_balancer.leases import Directive, Progress
from tui_balancer.scheduler.commands import (
    Command,
    Drain,
    MoveUnits,
    PauseAll,
    PauseDevice,
    ResumeAll,
    ResumeDevice,
    SetPolicy,
    StopNow,
)
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import DoneEvent, Event
from tui_balancer.scheduler.model import CountSettings, PolicySettings, ReturnCause, TimeSettings

DEADLINE_SECONDS = 60.0


class Waiting:
    """A thread inside a blocking call, and what it answered."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.answer: object = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        self.answer = call()

    def returns(self) -> bool:
        self._thread.join(DEADLINE_SECONDS)
        return not self._thread.is_alive()


def idle_bench() -> Bench:
    """Two devices; the second has run dry and was told that there is nothing."""
    bench = Bench(costs=[9, 1], policy=TimeSettings(1e9))
    bench.must_take("cuda:0")
    bench.run_one("cuda:1", 1)
    assert bench.take("cuda:1") is None
    return bench


WAKERS: dict[str, Callable[[Bench], object]] = {
    "a lease comes back": lambda bench: bench.coordinator.return_lease(
        "cuda:0", 1, 0, 1, ReturnCause.STOPPED
    ),
    "a worker dies": lambda bench: bench.die("cuda:0"),
    "the last file is done": lambda bench: bench.coordinator.record_file_completion(0, 1, 1.0),
    "a device is paused": lambda bench: bench.coordinator.execute(PauseDevice("cuda:0")),
    "the policy changes": lambda bench: bench.coordinator.execute(SetPolicy(TimeSettings())),
    "the run drains": lambda bench: bench.coordinator.execute(Drain()),
    "the run stops": lambda bench: bench.coordinator.execute(StopNow()),
}


@pytest.mark.parametrize("what", WAKERS)
def test_an_idle_worker_wakes_when(what: str) -> None:
    bench = idle_bench()
    idle = Waiting(lambda: bench.coordinator.wait_for_work("cuda:1", 1, 3600.0))
    WAKERS[what](bench)
    assert idle.returns()


def test_a_change_between_the_refusal_and_the_wait_is_not_missed() -> None:
    bench = idle_bench()
    bench.coordinator.return_lease("cuda:0", 1, 0, 1, ReturnCause.STOPPED)
    assert Waiting(lambda: bench.coordinator.wait_for_work("cuda:1", 1, 3600.0)).returns()


def test_an_idle_worker_wakes_when_a_victim_falls_behind() -> None:
    bench = Bench(costs=[100, 100, 100, 100, 100], policy=TimeSettings(12.0))
    bench.run_one("cuda:1", 10)
    bench.run_one("cuda:1", 10)
    bench.run_one("cuda:0", 10)
    lease = bench.must_take("cuda:0")
    for percent in range(5, 50, 5):
        bench.clock.now += 0.5
        bench.progress(lease, percent / 100)
    assert bench.take("cuda:1") is None
    idle = Waiting(lambda: bench.coordinator.wait_for_work("cuda:1", 1, 3600.0))
    for percent in range(50, 60):
        bench.clock.now += 2.0
        bench.progress(lease, percent / 100)
    assert idle.returns()
    assert bench.take("cuda:1") is not None


def test_a_stale_worker_never_waits() -> None:
    bench = idle_bench()
    assert Waiting(lambda: bench.coordinator.wait_for_work("cuda:1", 0, 3600.0)).returns()


def test_under_count_an_idle_worker_looks_again_after_the_interval() -> None:
    bench = Bench(costs=[9, 1], policy=CountSettings(interval_seconds=0.1))
    bench.must_take("cuda:0")
    bench.run_one("cuda:1", 1)
    assert bench.take("cuda:1") is None
    assert Waiting(lambda: bench.coordinator.wait_for_work("cuda:1", 1, 3600.0)).returns()


@pytest.mark.parametrize(
    ("command", "answer"),
    [(ResumeDevice("cuda:0"), Directive.CONTINUE), (StopNow(), Directive.ABANDON)],
)
def test_a_held_worker_wakes_when_it_may_go_on_or_must_stop(
    command: Command, answer: Directive
) -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    bench.coordinator.execute(PauseDevice("cuda:0"))
    assert bench.progress(lease, 0.5) is Directive.PAUSE
    held = Waiting(lambda: bench.coordinator.wait_while_paused("cuda:0", 1, 3600.0))
    bench.coordinator.execute(command)
    assert held.returns()
    assert held.answer is answer


def test_whoever_waits_for_the_run_sees_its_end() -> None:
    bench = Bench(weights=(1.0,), costs=[9])
    lease = bench.must_take("cuda:0")
    waiting = Waiting(lambda: bench.coordinator.wait(3600.0))
    bench.finish(lease)
    assert waiting.returns()


class Hammer:
    """Worker threads that compute nothing, die at random, and are restarted."""

    def __init__(self, policy: PolicySettings, files: int, devices: int) -> None:
        began = time.monotonic()
        self.journal: list[Event] = []
        self.coordinator = WorkStealingCoordinator(
            specs(*[1.0 + index for index in range(devices)]),
            policy=policy,
            clock=lambda: time.monotonic() - began,
            sink=self.journal.append,
            max_restarts=10**9,
            poison_limit=10**9,
        )
        random.seed(7)
        self.coordinator.assign(units(*[random.lognormvariate(0, 1) for _ in range(files)]))
        self.published: Counter[int] = Counter()
        self.errors: list[BaseException] = []
        self.threads = [
            threading.Thread(target=self._guarded, args=(f"cuda:{index}", index), daemon=True)
            for index in range(devices)
        ]

    def run(self, steer: Callable[[random.Random], Command]) -> None:
        for thread in self.threads:
            thread.start()
        rng = random.Random(3)
        while not self.coordinator.over:
            self.coordinator.execute(steer(rng))
            self.coordinator.execute(ResumeAll())
            self.coordinator.snapshot()
            self.coordinator.wait(0.001)
        for thread in self.threads:
            thread.join(DEADLINE_SECONDS)

    def _guarded(self, device: str, seed: int) -> None:
        try:
            self._work(device, random.Random(seed))
        except BaseException as error:
            self.errors.append(error)

    def _work(self, device: str, rng: random.Random) -> None:
        here = self.coordinator
        me = here.worker_starting(device)
        here.worker_ready(device, me, None)
        while not here.finished_for(device, me):
            lease = here.take(device, me)
            if lease is None:
                here.wait_for_work(device, me, DEADLINE_SECONDS)
                continue
            number, epoch = lease.unit.unit_id, lease.epoch
            for percent in (30, 60, 100):
                done = Progress(percent // 10, 10 * percent, lease.unit.cost * percent / 100)
                directive = here.report_progress(device, me, number, epoch, done)
                while directive is Directive.PAUSE:
                    directive = here.wait_while_paused(device, me, DEADLINE_SECONDS)
            if rng.random() < 0.05:
                assert here.worker_died(device, me, "hammered")
                assert not here.begin_completion(device, me, number, epoch)
                me = here.worker_starting(device)
                continue
            assert here.begin_completion(device, me, number, epoch)
            self.published[number] += 1
            assert here.record_file_completion(number, epoch, 0.0)


@pytest.mark.parametrize(
    "policy", [TimeSettings(0.0), CountSettings(1.0, 1, 1, 0.1)], ids=["time", "count"]
)
def test_hammered_by_threads_every_file_is_published_exactly_once(policy: PolicySettings) -> None:
    files, devices = 600, 6
    hammer = Hammer(policy, files, devices)

    def steer(rng: random.Random) -> Command:
        device = f"cuda:{rng.randrange(devices)}"
        chosen = tuple(rng.sample(range(files), 5))
        return rng.choice([PauseAll(), PauseDevice(device), MoveUnits(chosen, device)])

    hammer.run(steer)
    assert hammer.errors == []
    assert hammer.published == Counter(range(files))
    assert hammer.coordinator.totals().done == files
    done = [event.unit_id for event in hammer.journal if isinstance(event, DoneEvent)]
    assert Counter(done) == Counter(range(files))
    assert [event.sequence for event in hammer.journal] == [*range(1, len(hammer.journal) + 1)]
