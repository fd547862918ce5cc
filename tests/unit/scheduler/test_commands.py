"""What a person asks for is done, or refused with a reason fit for a toast."""

from __future__ import annotations

import pytest

from tests.support.balance import Bench
from tui_balancer.leases import Directive, Progress
from tui_balancer.scheduler.actions.refusal import live_device
from tui_balancer.scheduler.commands import (
    Command,
    Drain,
    MoveUnits,
    Outcome,
    PauseAll,
    PauseDevice,
    ResumeAll,
    ResumeDevice,
    SetPolicy,
    StopNow,
)
from tui_balancer.scheduler.events import DeviceEvent, MoveEvent, SettingEvent, StealEvent
from tui_balancer.scheduler.model import CountSettings, DeviceState, ReturnCause, TimeSettings
from tui_balancer.scheduler.state.state import SchedulerState


class Rename(Command, frozen=True, tag="rename"):
    """A command that the program does not have: a class is all that it takes."""

    device: str
    name: str

    def carry_out(self, state: SchedulerState) -> str:
        record = live_device(state, self.device)
        record.name = self.name
        return f"{self.device} is called {self.name}"


def ask(bench: Bench, command: Command) -> Outcome:
    return bench.coordinator.execute(command)


def test_a_paused_device_stops_at_its_batch_boundary_and_goes_on_when_resumed() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    assert bench.progress(lease, 0.2) is Directive.CONTINUE
    assert ask(bench, PauseDevice("cuda:0")) == Outcome(
        True, "cuda:0 is paused after its batch in flight", undoable=True
    )
    assert bench.progress(lease, 0.4) is Directive.PAUSE
    assert bench.coordinator.wait_while_paused("cuda:0", 1, 0.0) is Directive.PAUSE
    assert ask(bench, ResumeDevice("cuda:0")) == Outcome(True, "cuda:0 is resumed", undoable=True)
    assert bench.coordinator.wait_while_paused("cuda:0", 1, 0.0) is Directive.CONTINUE
    assert bench.progress(lease, 0.6) is Directive.CONTINUE


def test_time_spent_paused_does_not_make_a_device_look_slow() -> None:
    bench = Bench(costs=[100, 100, 100, 100])
    lease = bench.must_take("cuda:0")
    bench.clock.now += 10
    ask(bench, PauseDevice("cuda:0"))
    bench.progress(lease, 0.5)
    bench.clock.now += 1000
    ask(bench, ResumeDevice("cuda:0"))
    bench.clock.now += 10
    bench.finish(lease)
    row = bench.coordinator.get_gpu_metrics()[0]
    assert row.finish_seconds == pytest.approx(row.queued_cost / 5.0)


def test_the_queue_of_a_paused_device_is_free_to_steal_its_running_file_is_not() -> None:
    bench = Bench(costs=[9, 8, 7, 6], policy=TimeSettings(1e9))
    running = bench.must_take("cuda:0")
    ask(bench, PauseDevice("cuda:0"))
    for _ in range(3):
        bench.run_one("cuda:1", 1)
    assert bench.take("cuda:1") is None
    assert not bench.coordinator.over
    (steal,) = bench.coordinator.get_recent_steal_events()
    assert steal.reason == "cuda:0 is paused"
    ask(bench, ResumeDevice("cuda:0"))
    assert bench.finish(running)
    assert bench.coordinator.over


def test_a_paused_device_takes_and_steals_nothing() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    ask(bench, PauseDevice("cuda:0"))
    assert bench.take("cuda:0") is None
    assert bench.coordinator.try_steal_work("cuda:0") is None
    assert len(bench.waiting("cuda:0")) == 2


def test_when_all_are_paused_nothing_moves() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    assert not bench.coordinator.snapshot().paused
    assert ask(bench, PauseAll()) == Outcome(True, "all devices are paused", undoable=True)
    assert bench.coordinator.snapshot().paused
    assert bench.take("cuda:0") is bench.take("cuda:1") is None
    assert not any(isinstance(event, StealEvent) for event in bench.journal)
    assert bench.coordinator.snapshot().eta_seconds is None
    assert ask(bench, ResumeAll()) == Outcome(True, "all devices are resumed", undoable=True)
    assert bench.take("cuda:0") is not None
    assert not bench.coordinator.snapshot().paused


def test_pausing_all_pauses_those_that_are_not_yet() -> None:
    bench = Bench(costs=[9, 8])
    ask(bench, PauseDevice("cuda:0"))
    assert ask(bench, PauseAll()).accepted
    paused = [
        event.device
        for event in bench.journal
        if isinstance(event, DeviceEvent) and event.state is DeviceState.PAUSED
    ]
    assert paused == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ([PauseDevice("cuda:0")], PauseDevice("cuda:0"), "cuda:0 is already paused"),
        ([], ResumeDevice("cuda:0"), "cuda:0 is not paused"),
        ([], PauseDevice("cuda:7"), "there is no device cuda:7"),
        ([], ResumeAll(), "no device is paused"),
        ([PauseAll()], PauseAll(), "all devices are already paused"),
        (
            [],
            SetPolicy(TimeSettings(-1.0)),
            "the minimum gain in seconds must be a number of at least 0, not -1",
        ),
        ([], MoveUnits((), "cuda:1"), "no file is selected"),
        ([], MoveUnits((0,), "cuda:0"), "not moved: virus_0.faa waits for cuda:0 already"),
        ([], MoveUnits((77,), "cuda:0"), "not moved: file 77 is unknown"),
        ([], MoveUnits((0,), "cuda:7"), "there is no device cuda:7"),
        (
            [Drain()],
            PauseAll(),
            "the run ends after the running files; nothing else is started",
        ),
        ([Drain()], Drain(), "the run ends after the running files; nothing else is started"),
        ([StopNow()], Drain(), "the run is being stopped"),
        ([StopNow()], StopNow(), "the run is already being stopped"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    before: list[Command], command: Command, reason: str
) -> None:
    bench = Bench(costs=[9, 8, 7])
    bench.must_take("cuda:1")
    for one in before:
        assert ask(bench, one).accepted
    events = bench.coordinator.snapshot().last_event
    assert ask(bench, command) == Outcome(False, reason)
    assert bench.coordinator.snapshot().last_event == events


def test_nothing_is_steered_after_the_end() -> None:
    bench = Bench(weights=(1.0,), costs=[9])
    bench.run_one("cuda:0", 1)
    for command in (PauseAll(), Drain(), StopNow(), SetPolicy(TimeSettings())):
        assert ask(bench, command) == Outcome(False, "the run is over")


def test_a_dead_device_is_neither_paused_nor_given_files() -> None:
    bench = Bench(costs=[9, 8, 7], max_restarts=0)
    bench.die("cuda:1")
    assert ask(bench, PauseDevice("cuda:1")) == Outcome(False, "cuda:1 is dead")
    assert ask(bench, MoveUnits((0,), "cuda:1")) == Outcome(False, "cuda:1 is dead")


def test_moved_files_wait_at_the_end_of_the_other_queue() -> None:
    bench = Bench(costs=[9, 8, 7, 6, 5, 4])
    assert bench.waiting("cuda:0") == [0, 3, 4]
    assert ask(bench, MoveUnits((4, 0), "cuda:1")) == Outcome(
        True, "2 files moved from cuda:0 to cuda:1", undoable=True
    )
    assert bench.waiting("cuda:0") == [3]
    assert bench.waiting("cuda:1") == [1, 2, 5, 4, 0]
    moves = [event for event in bench.journal if isinstance(event, MoveEvent)]
    assert [(event.unit_id, event.source, event.target) for event in moves] == [
        (4, "cuda:0", "cuda:1"),
        (0, "cuda:0", "cuda:1"),
    ]


def test_a_file_that_has_started_is_refused_the_others_move() -> None:
    bench = Bench(costs=[9, 8, 7, 6, 5, 4])
    bench.must_take("cuda:0")
    assert ask(bench, MoveUnits((0, 3), "cuda:1")) == Outcome(
        True,
        "virus_3.faa moved from cuda:0 to cuda:1; not moved: virus_0.faa has started on cuda:0",
        undoable=True,
    )
    assert ask(bench, MoveUnits((0,), "cuda:1")) == Outcome(
        False, "not moved: virus_0.faa has started on cuda:0"
    )


def test_many_refusals_are_told_in_short() -> None:
    bench = Bench(costs=[9, 8, 7, 6, 5, 4])
    bench.run_one("cuda:0", 1)
    bench.run_one("cuda:0", 1)
    assert ask(bench, MoveUnits((0, 3, 4), "cuda:1")).message == (
        "virus_4.faa moved from cuda:0 to cuda:1; 2 not moved: they are done"
    )


def test_the_policy_changes_at_once_and_is_told() -> None:
    bench = Bench(costs=[9, 8])
    settings = CountSettings(ratio=3.0)
    assert ask(bench, SetPolicy(settings)) == Outcome(
        True, "steal if longest ≥ 3 files, > 3× or +3", undoable=True
    )
    assert bench.coordinator.snapshot().policy == settings
    last = bench.journal[-1]
    assert isinstance(last, SettingEvent)
    assert last.text == "steal if longest ≥ 3 files, > 3× or +3"


def test_a_run_without_stealing_has_no_policy_to_set() -> None:
    bench = Bench(costs=[9, 8], stealing=False)
    assert ask(bench, SetPolicy(TimeSettings())) == Outcome(
        False, "stealing is off in this run (--no-stealing)"
    )


def test_draining_finishes_what_runs_and_starts_nothing() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    lease = bench.must_take("cuda:0")
    assert ask(bench, Drain()) == Outcome(True, "finishing the running files, starting no others")
    assert bench.coordinator.finished_for("cuda:1", 1)
    assert bench.take("cuda:1") is None
    assert not bench.coordinator.over
    assert bench.progress(lease, 0.5) is Directive.CONTINUE
    assert bench.finish(lease)
    assert bench.coordinator.over
    totals = bench.coordinator.totals()
    assert (totals.done, totals.waiting) == (1, 3)


def test_draining_lets_a_paused_device_finish_its_file() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    ask(bench, PauseDevice("cuda:0"))
    assert bench.progress(lease, 0.5) is Directive.PAUSE
    ask(bench, Drain())
    assert bench.coordinator.wait_while_paused("cuda:0", 1, 0.0) is Directive.CONTINUE


def test_while_draining_the_end_is_that_of_the_running_files() -> None:
    bench = Bench(costs=[30, 30, 30, 30])
    bench.run_one("cuda:0", 10)
    lease = bench.must_take("cuda:0")
    bench.clock.now += 4
    bench.progress(lease, 0.4)
    ask(bench, Drain())
    assert bench.coordinator.snapshot().eta_seconds == pytest.approx(6.0)


@pytest.mark.parametrize("paused", [True, False])
def test_stopping_abandons_the_running_files_at_their_batch_boundary(paused: bool) -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    if paused:
        ask(bench, PauseAll())
    assert ask(bench, StopNow()) == Outcome(True, "stopping after the batches in flight")
    assert bench.progress(lease, 0.5) is Directive.ABANDON
    assert bench.coordinator.wait_while_paused("cuda:0", 1, 60.0) is Directive.ABANDON
    assert bench.coordinator.return_lease("cuda:0", 1, 0, 1, ReturnCause.STOPPED)
    assert bench.coordinator.over
    assert bench.coordinator.totals().waiting == 2


def test_a_file_that_was_through_before_it_heard_of_the_stop_counts() -> None:
    bench = Bench(costs=[9, 8])
    lease = bench.must_take("cuda:0")
    ask(bench, StopNow())
    assert bench.finish(lease)
    assert bench.coordinator.totals().done == 1


def test_stopping_is_possible_while_draining_and_while_scanning() -> None:
    bench = Bench(costs=[9, 8])
    bench.must_take("cuda:0")
    ask(bench, Drain())
    assert ask(bench, StopNow()).accepted
    scanning = Bench()
    assert ask(scanning, StopNow()).accepted
    assert scanning.coordinator.over


def test_progress_of_a_stale_attempt_is_told_to_abandon() -> None:
    bench = Bench(costs=[9, 8])
    bench.must_take("cuda:0")
    answer = bench.coordinator.report_progress("cuda:0", 1, 0, 7, Progress(1, 1, 1.0))
    assert answer is Directive.ABANDON


def test_a_new_command_is_its_class() -> None:
    bench = Bench(costs=[9])
    assert ask(bench, Rename("cuda:0", "left")) == Outcome(True, "cuda:0 is called left")
    assert bench.coordinator.get_gpu_metrics()[0].name == "left"
    assert ask(bench, Rename("cuda:9", "right")) == Outcome(False, "there is no device cuda:9")
    bench.must_take("cuda:0")
    ask(bench, Drain())
    refusal = "the run ends after the running files; nothing else is started"
    assert ask(bench, Rename("cuda:0", "right")) == Outcome(False, refusal)


@pytest.mark.parametrize(
    "command", [PauseAll(), PauseDevice("cuda:0"), SetPolicy(TimeSettings(3.0))]
)
def test_a_command_given_a_hundred_times_fills_no_log(command: Command) -> None:
    bench = Bench(costs=[9, 8])
    bench.coordinator.execute(command)
    noted = len(bench.journal)
    for _ in range(100):
        bench.coordinator.execute(command)
    assert len(bench.journal) == noted
