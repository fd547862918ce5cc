"""What a person does to waiting files: reorder, skip, try again, undo; and where everything is."""

from __future__ import annotations

import pytest

from tests.support.balance import Bench, unit
from tui_balancer.failures import Failure
from tui_balancer.scheduler.commands import (
    Command,
    MoveUnits,
    Outcome,
    ReorderUnits,
    RetryUnits,
    SkipUnits,
    Undo,
)
from tui_balancer.scheduler.events import MoveEvent, RetryEvent, SkipEvent
from tui_balancer.scheduler.model import Ended


def asked(bench: Bench, command: Command) -> Outcome:
    return bench.coordinator.execute(command)


@pytest.fixture
def bench() -> Bench:
    """Two devices; 0, 3, 4 and 7 wait for the first, 1, 2, 5 and 6 for the second."""
    bench = Bench(costs=[8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], stealing=False)
    assert bench.waiting("cuda:0") == [0, 3, 4, 7]
    assert bench.waiting("cuda:1") == [1, 2, 5, 6]
    return bench


def test_reordered_files_come_first_in_the_order_they_were_named(bench: Bench) -> None:
    outcome = asked(bench, ReorderUnits((7, 4, 6), first=True))
    assert outcome == Outcome(True, "3 files come first now", undoable=True)
    assert bench.waiting("cuda:0") == [7, 4, 0, 3]
    assert bench.waiting("cuda:1") == [6, 1, 2, 5]


def test_reordered_files_come_last(bench: Bench) -> None:
    assert asked(bench, ReorderUnits((0,), first=False)).message == "virus_0.faa comes last now"
    assert bench.waiting("cuda:0") == [3, 4, 7, 0]
    event = bench.journal[-1]
    assert isinstance(event, MoveEvent)
    assert (event.source, event.target, event.reason) == ("cuda:0", "cuda:0", "now the last one")


def test_undo_puts_a_move_back_into_its_places(bench: Bench) -> None:
    asked(bench, MoveUnits((3, 7), "cuda:1"))
    assert bench.waiting("cuda:1") == [1, 2, 5, 6, 3, 7]
    outcome = asked(bench, Undo())
    assert outcome == Outcome(True, "undone: 2 files are back in their places")
    assert bench.waiting("cuda:0") == [0, 3, 4, 7]
    assert bench.waiting("cuda:1") == [1, 2, 5, 6]


def test_undo_puts_a_new_order_back(bench: Bench) -> None:
    asked(bench, ReorderUnits((7, 3, 2), first=True))
    asked(bench, Undo())
    assert bench.waiting("cuda:0") == [0, 3, 4, 7]
    assert bench.waiting("cuda:1") == [1, 2, 5, 6]


def test_undo_leaves_what_has_started_meanwhile(bench: Bench) -> None:
    asked(bench, MoveUnits((0, 3), "cuda:1"))
    asked(bench, ReorderUnits((0, 3), first=True))
    bench.must_take("cuda:1")
    outcome = asked(bench, Undo())
    assert (
        outcome.message
        == "undone: virus_3.faa is back in its place; 1 started or changed hands meanwhile"
    )
    assert bench.waiting("cuda:1") == [1, 2, 5, 6, 3]


def test_undo_works_once(bench: Bench) -> None:
    asked(bench, MoveUnits((0,), "cuda:1"))
    asked(bench, Undo())
    assert asked(bench, Undo()) == Outcome(False, "there is nothing to undo")


def test_a_skipped_file_is_counted_apart_and_not_computed(bench: Bench) -> None:
    assert asked(bench, SkipUnits((0,))) == Outcome(True, "virus_0.faa skipped", undoable=True)
    totals = bench.coordinator.totals()
    assert (totals.failed, totals.skipped, totals.waiting) == (0, 1, 7)
    assert bench.must_take("cuda:0").unit.unit_id == 3
    event = next(one for one in bench.journal if isinstance(one, SkipEvent))
    assert (event.unit_name, event.reason) == ("virus_0.faa", "skipped by hand")


def test_a_run_whose_last_files_are_skipped_is_over() -> None:
    bench = Bench(costs=[1.0, 1.0])
    asked(bench, SkipUnits((0, 1)))
    assert bench.coordinator.over


def test_a_started_file_is_not_skipped(bench: Bench) -> None:
    bench.must_take("cuda:0")
    refusal = "not skipped: virus_0.faa has started on cuda:0"
    assert asked(bench, SkipUnits((0,))) == Outcome(False, refusal)


def test_a_skipped_file_can_be_tried_after_all(bench: Bench) -> None:
    asked(bench, SkipUnits((0,)))
    answer = Outcome(True, "virus_0.faa waits again", undoable=True)
    assert asked(bench, RetryUnits((0,))) == answer
    totals = bench.coordinator.totals()
    assert (totals.failed, totals.skipped, totals.waiting) == (0, 0, 8)
    event = next(one for one in bench.journal if isinstance(one, RetryEvent))
    assert bench.waiting(event.device)[-1] == 0


def test_a_failed_file_is_tried_again_as_its_next_attempt(bench: Bench) -> None:
    lease = bench.must_take("cuda:0")
    bench.coordinator.record_file_failure(lease.unit.unit_id, lease.epoch, Failure("too long"))
    asked(bench, RetryUnits((0,)))
    asked(bench, ReorderUnits((0,), first=True))
    device = next(one for one in ("cuda:0", "cuda:1") if bench.waiting(one)[0] == 0)
    again = bench.must_take(device)
    assert (again.unit.unit_id, again.epoch) == (0, 2)


def test_what_a_person_skipped_before_this_session_is_tried_again_by_another_command() -> None:
    bench = Bench(costs=[1.0])
    bench.coordinator.add_failed(unit(1, 1.0), Failure("skipped by hand"), by_hand=True)
    totals = bench.coordinator.totals()
    assert (totals.files, totals.failed, totals.skipped) == (2, 0, 1)
    outcome = asked(bench, RetryUnits((1,)))
    assert not outcome.accepted
    assert outcome.message == (
        "not retried: virus_1.faa was skipped before this session: "
        "`resume --retry-failed` retries it"
    )


def test_what_did_not_fail_is_not_tried_again(bench: Bench) -> None:
    outcome = asked(bench, RetryUnits((5,)))
    assert outcome == Outcome(False, "not retried: virus_5.faa is waiting")


def test_places_tell_where_everything_is(bench: Bench) -> None:
    bench.run_one("cuda:0", 1.0)
    asked(bench, SkipUnits((2,)))
    running = bench.must_take("cuda:1")
    places = bench.coordinator.places(0)
    assert places is not None
    assert list(places.queues["cuda:0"]) == [3, 4, 7]
    assert list(places.queues["cuda:1"]) == [5, 6]
    assert running.unit.unit_id == 1
    assert list(places.ended[:3]) == [Ended.DONE, Ended.NOT, Ended.SKIPPED]
    assert not any(places.ended[3:])


def test_places_are_told_again_only_after_an_event(bench: Bench) -> None:
    places = bench.coordinator.places(0)
    assert places is not None
    assert bench.coordinator.places(places.last_event) is None
    bench.must_take("cuda:0")
    assert bench.coordinator.places(places.last_event) is not None
