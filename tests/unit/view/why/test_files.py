"""Why a file waits, runs, or how it ended."""

from __future__ import annotations

import pytest

from tests.support.balance import Bench, bundle, unit, units
from tests.support.explaining import Told, facts_of, told
from tui_balancer.failures import ADVICE, Failure, FailureCause
from tui_balancer.notices import Example, Notice
from tui_balancer.scheduler.actions.groups import SINGLE_EVENTS
from tui_balancer.scheduler.commands import (
    MoveUnits,
    PauseDevice,
    ReorderUnits,
    RetryUnits,
    SetPolicy,
    SkipUnits,
    Undo,
)
from tui_balancer.scheduler.events import (
    DeviceEvent,
    FailureEvent,
    MoveEvent,
    RetryEvent,
    ReturnEvent,
    SettingEvent,
    SkipEvent,
    StealEvent,
    UnbundleEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.view.handle import Phase
from tui_balancer.view.why.explain import explain_event
from tui_balancer.view.why.files import explain_file
from tui_balancer.view.why.record import WhyRecord
from tui_balancer.view.why.words import ordinal

NAMES = [f"virus_{number}.faa" for number in range(6)]


def test_a_file_that_waits_says_for_whom_at_which_place_and_when_it_starts() -> None:
    run = told([40.0, 40.0, 30.0, 20.0, 10.0, 10.0])
    bench = run.bench
    lease = bench.must_take("cuda:0")
    queue = bench.waiting("cuda:0")
    first, second = (NAMES[number] for number in queue[:2])
    waits = f"{first} waits: it is the next file of cuda:0"
    assert run.why(first) == f"{waits}, whose speed is not known yet."
    bench.clock.now = 10.0
    bench.progress(lease, 0.25)
    assert run.why(first) == f"{waits} and starts in ~30s."
    seconds = 30 + unit_cost(bench, queue[0])
    starts = f"{seconds:.0f}s" if seconds < 60 else f"1m {seconds - 60:02.0f}s"
    assert run.why(second).startswith(
        f"{second} waits: it is 2nd in the queue of cuda:0 and starts in ~{starts}."
    )


def unit_cost(bench: Bench, number: int) -> float:
    return {one.unit_id: one.cost for one in bench.coordinator.queue("cuda:0")}[number]


def test_the_last_file_is_named() -> None:
    run = told([40.0, 40.0, 30.0])
    bench = run.bench
    lease = bench.must_take("cuda:0")
    bench.clock.now = 10.0
    bench.progress(lease, 0.25)
    assert run.why(NAMES[2]).endswith(" It is expected to end last.")
    assert not run.why(NAMES[1]).endswith(" It is expected to end last.")


def test_a_device_that_does_not_work_is_what_a_file_waits_for() -> None:
    run = told([10.0] * 4, max_restarts=0)
    bench = run.bench
    bench.coordinator.execute(PauseDevice("cuda:0"))
    assert run.why(NAMES[0]) == (
        "virus_0.faa waits: it is the next file of cuda:0, which is paused; it starts when cuda:0 "
        "is resumed or another one is idle."
    )
    run.options["stealing"] = False
    assert run.why(NAMES[0]).endswith("which is paused and must be resumed (--no-stealing).")
    bench.die("cuda:1")
    assert run.why(NAMES[1]) == (
        "virus_1.faa waits: it is the next file of cuda:1, which is dead; it starts when another "
        "device is idle."
    )


def test_before_the_assignment_files_wait_for_the_scan() -> None:
    run = Told(Bench(), units(1.0), phase=Phase.SCANNING)
    assert run.why(NAMES[0]) == (
        "virus_0.faa waits: files are assigned to devices once all inputs are read."
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"phase": Phase.DRAINING}, "the run is ending and starts no other file"),
        ({"phase": Phase.STOPPING}, "the run is ending and starts no other file"),
        ({"phase": Phase.FINISHED}, "the run ended before its turn"),
        ({"phase": Phase.FINISHED, "stop_reason": "every device is dead"}, "every device is dead"),
    ],
)
def test_a_run_that_ends_leaves_files_waiting(options: dict[str, object], why: str) -> None:
    run = told([10.0])
    run.options |= options
    assert run.why(NAMES[0]) == (
        f"virus_0.faa waits: {why}. `tui-balancer resume embeddings` starts it."
    )


def test_a_file_that_was_moved_among_many_is_told_of_its_own_move() -> None:
    many = SINGLE_EVENTS + 1
    run = told([10.0] * 2 * many)
    run.bench.clock.now = 7.0
    moved = tuple(run.bench.waiting("cuda:0"))
    run.bench.coordinator.execute(MoveUnits(moved, "cuda:1"))
    assert run.why(f"virus_{moved[-1]}.faa").endswith(
        "It was moved by hand from cuda:0 to cuda:1 at 08:53:27."
    )
    assert run.event(MoveEvent) == (
        f"{many} files: virus_0.faa … was moved by hand from cuda:0 to cuda:1 at 08:53:27."
    )


def test_a_move_by_hand_is_told() -> None:
    run = told([10.0] * 4)
    bench = run.bench
    bench.clock.now = 7.0
    bench.coordinator.execute(MoveUnits((2,), "cuda:1"))
    moved = "was moved by hand from cuda:0 to cuda:1 at 08:53:27"
    waits = "virus_2.faa waits: it is 3rd in the queue of cuda:1, whose speed is not known yet."
    assert run.why(NAMES[2]) == f"{waits} It {moved}."
    assert run.event(MoveEvent) == f"virus_2.faa {moved}. {waits}"
    bench.coordinator.execute(Undo())
    assert run.why(NAMES[2]).endswith("by hand from cuda:1 to cuda:0 at 08:53:27 (undone).")
    bench.coordinator.execute(ReorderUnits((2,), first=True))
    assert run.why(NAMES[2]).endswith(
        "It was moved in the queue of cuda:0 by hand at 08:53:27 (now the first one)."
    )


def test_a_steal_by_queue_lengths_has_the_lengths() -> None:
    run = told([10.0] * 6, policy=CountSettings(minimum=3))
    for _ in range(3):
        run.bench.run_one("cuda:1", 1.0)
    run.bench.must_take("cuda:1")
    assert run.event(StealEvent).startswith(
        "virus_4.faa was stolen from cuda:0 by cuda:1 at 08:53:23: 3 files against 0."
    )


def test_a_hand_over_says_where_it_would_end_sooner() -> None:
    run = told([10.0, 100.0, 90.0], weights=(10.0, 1.0))
    bench = run.bench
    fast = bench.must_take("cuda:0")
    bench.clock.now = 1.0
    bench.progress(fast, 0.1)
    bench.coordinator.execute(MoveUnits((2,), "cuda:1"))
    bench.coordinator.execute(MoveUnits((0,), "cuda:0"))
    bench.take("cuda:1")
    handed_over = next(one for one in bench.journal if isinstance(one, StealEvent))
    assert explain_event(run.facts, handed_over).text.startswith(
        "virus_2.faa was handed over from cuda:1 to cuda:0 at 08:53:21, by finish times: it would "
        "end 71 s sooner there."
    )


def test_a_running_file_says_where_how_far_and_how_often() -> None:
    run = told([10.0] * 2)
    bench = run.bench
    lease = bench.must_take("cuda:0")
    bench.clock.now = 4.0
    bench.progress(lease, 0.5)
    assert (
        run.why(NAMES[0])
        == ("virus_0.faa has run on cuda:0 since 08:53:20: 50% done, ~4s left. ").rstrip()
    )
    bench.coordinator.execute(PauseDevice("cuda:0"))
    assert run.why(NAMES[0]) == "virus_0.faa has run on cuda:0 since 08:53:20: held at 50%."
    bench.die("cuda:0", "killed by SIGKILL")
    again = bench.must_take("cuda:1")
    assert again.unit.unit_id == 0
    came = "came back from cuda:0 at 08:53:24: killed by SIGKILL."
    assert run.why(NAMES[0]) == (
        "virus_0.faa has run on cuda:1 since 08:53:24: 0% done, ~8s left. This is attempt 2. "
        f"It {came}"
    )
    assert run.event(ReturnEvent).startswith(f"virus_0.faa {came}")
    bench.progress(again, 1.0, computed=True)
    writes = "has run on cuda:1 since 08:53:24: all of it computed, its output is being written."
    assert writes in run.why(NAMES[0])
    bench.must_take("cuda:1")
    assert writes in run.why(NAMES[0])


def test_a_done_file_says_by_whom_when_and_how_long_it_took() -> None:
    run = told([10.0] * 2)
    run.bench.coordinator.add_done(unit(5, 1.0))
    run.bench.run_one("cuda:0", 3.0)
    assert run.why(NAMES[0]) == (
        "virus_0.faa is done: cuda:0 finished it at 08:53:23 after 1s of computing."
    )
    run.options["phase"] = Phase.FINISHED
    assert run.why(NAMES[0]).endswith("of computing. It was the last to end.")


def test_what_earlier_sessions_did_is_told_apart_from_what_is_forgotten() -> None:
    bench = Bench()
    bench.coordinator.add_done(unit(0, 1.0))
    bench.coordinator.assign([unit(1, 1.0)])
    run = Told(bench, units(1.0, 1.0))
    assert run.why(NAMES[0]) == "virus_0.faa is done: it was finished before this session."
    bench.run_one("cuda:0", 1.0)
    late = WhyRecord()
    late.note(bench.coordinator.events_after(2))
    facts = facts_of(bench.coordinator, units(1.0, 1.0), late, 1.0)
    assert explain_file(facts, 0).text == (
        "virus_0.faa is done; the events that say when and where are not kept here."
    )


def test_a_bad_input_says_what_is_wrong_and_what_to_do() -> None:
    bench = Bench()
    reason = "line 7 has '5', which is not a residue letter"
    bench.coordinator.add_failed(unit(0, 0.0), Failure(reason, FailureCause.FOREIGN_LETTER))
    run = Told(bench, units(0.0))
    assert run.why(NAMES[0]) == (
        f"virus_0.faa failed at 08:53:20: {reason}. {ADVICE[FailureCause.FOREIGN_LETTER]}. "
        "`tui-balancer resume embeddings --retry-failed` retries it."
    )
    assert run.event(FailureEvent) == run.why(NAMES[0])


def test_a_file_that_kills_workers_fails_after_its_attempts_and_is_tried_again_by_hand() -> None:
    run = told([10.0] * 4)
    bench = run.bench
    bench.must_take("cuda:0")
    bench.die("cuda:0")
    assert bench.must_take("cuda:1").unit.unit_id == 0
    bench.clock.now = 8.0
    bench.die("cuda:1", "killed by SIGKILL")
    failed = (
        "virus_0.faa failed on cuda:1 at 08:53:28 after 2 attempts: killed 2 workers, the last "
        "one: killed by SIGKILL."
    )
    advice = f"{ADVICE[FailureCause.KILLED_WORKERS]}."
    assert run.why(NAMES[0]) == f"{failed} {advice} Press r to retry it."
    run.options["phase"] = Phase.FINISHED
    resume = "`tui-balancer resume embeddings --retry-failed` retries it."
    assert run.why(NAMES[0]) == f"{failed} {advice} {resume}"
    run.options["phase"] = Phase.RUNNING
    bench.coordinator.execute(RetryUnits((0,)))
    assert run.why(NAMES[0]).endswith(" It was put back by hand at 08:53:28, for cuda:0.")
    assert run.event(RetryEvent).startswith("virus_0.faa was put back by hand at 08:53:28")
    assert run.event(FailureEvent).startswith("virus_0.faa failed at 08:53:28: killed 2 workers")


def test_a_skipped_file_says_by_whom_and_how_to_have_it_back() -> None:
    run = told([10.0] * 2)
    run.bench.clock.now = 2.0
    run.bench.coordinator.execute(SkipUnits((1,)))
    skipped = "virus_1.faa is skipped, by hand at 08:53:22 while it waited for cuda:1."
    assert run.why(NAMES[1]) == f"{skipped} Press r to retry it."
    run.options["phase"] = Phase.FINISHED
    assert run.why(NAMES[1]) == (
        f"{skipped} `tui-balancer resume embeddings --retry-failed` retries it."
    )
    run.bench.coordinator.execute(RetryUnits((1,)))
    assert run.event(SkipEvent).startswith("virus_1.faa was skipped at 08:53:22: skipped by hand.")


def test_files_of_a_bundle_share_what_happens_to_it() -> None:
    bench = Bench()
    bench.coordinator.assign([bundle(0, 1.0, 2.0, 3.0), unit(3, 1.0)])
    run = Told(bench, units(1.0, 2.0, 3.0, 1.0))
    assert "It is computed in a bundle of 3 files." in run.why(NAMES[1])
    assert "bundle" not in run.why(NAMES[3])
    for device in ("cuda:0", "cuda:1"):
        assert bench.must_take(device).unit.unit_id == 0
        assert f"has run on {device} since" in run.why(NAMES[2])
        bench.die(device, "killed by SIGKILL")
        while device == "cuda:0" and bench.waiting("cuda:1")[0] != 0:
            bench.run_one("cuda:1", 0.0)
    alone = "since cuda:1 returned it at 08:53:20: too many workers died with its bundle of 3 files"
    assert alone in run.why(NAMES[2])
    assert "in a bundle" not in run.why(NAMES[2])
    assert alone in run.event(UnbundleEvent)


def test_events_of_the_run_itself_are_told_as_they_are() -> None:
    run = told([10.0] * 2)
    run.bench.clock.now = 3.0
    run.bench.coordinator.execute(SetPolicy(TimeSettings(2.0)))
    run.bench.coordinator.warn(Notice("2 empty", examples=(Example("a.faa", 3, "P1"),)))
    assert run.event(SettingEvent) == "Changed by hand at 08:53:23: steal if ≥ 2 s saved."
    run.bench.coordinator.decided("--workers-per-gpu auto: 2 workers")
    assert run.event(SettingEvent) == "Decided at 08:53:23: --workers-per-gpu auto: 2 workers."
    assert run.event(WarningEvent) == "2 empty (a.faa line 3: P1)."
    run.bench.coordinator.execute(PauseDevice("cuda:0"))
    assert run.event(DeviceEvent) == run.why("cuda:0")
    run.bench.die("cuda:0")
    run.bench.run_one("cuda:1", 1.0)
    assert explain_file(run.facts, 1).state == "done"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (13, "13th"),
        (22, "22nd"),
        (112, "112th"),
        (1_003, "1,003rd"),
    ],
)
def test_places_are_ordinal_numbers(number: int, words: str) -> None:
    assert ordinal(number) == words
