"""What a person did is taken back, the newest first, as far as it is still as it was left."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.balance import Bench, bundle, unit
from tui_balancer.failures import Failure
from tui_balancer.scheduler.commands import (
    Command,
    MoveUnits,
    Outcome,
    PauseAll,
    PauseDevice,
    ReorderUnits,
    ResumeAll,
    ResumeDevice,
    RetryUnits,
    SetPolicy,
    SkipUnits,
    Undo,
)
from tui_balancer.scheduler.model import TimeSettings
from tui_balancer.scheduler.state.state import UNDOS

DEVICES = ("cuda:0", "cuda:1")
COSTS = [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]

files = st.lists(st.integers(0, 9), min_size=1, max_size=4).map(tuple)
devices = st.sampled_from(DEVICES)
commands = st.one_of(
    st.builds(MoveUnits, files, devices),
    st.builds(ReorderUnits, files, first=st.booleans()),
    st.builds(SkipUnits, files),
    st.builds(RetryUnits, files),
    st.builds(PauseDevice, devices),
    st.builds(ResumeDevice, devices),
    st.sampled_from([PauseAll(), ResumeAll()]),
    st.builds(SetPolicy, st.builds(TimeSettings, st.sampled_from([0.5, 1.0, 2.0]))),
)


def made() -> Bench:
    """Return two devices with single files, 0 to 7, and a bundle of two, 8 and 9."""
    bench = Bench(stealing=True)
    bench.coordinator.assign([*map(unit, range(8), COSTS), bundle(8, 0.5, 0.5)])
    return bench


def asked(bench: Bench, *asked_for: Command) -> list[Outcome]:
    return [bench.coordinator.execute(command) for command in asked_for]


def state_of(bench: Bench) -> object:
    """Return all that a person can change."""
    places, seen = bench.coordinator.places(-1), bench.coordinator.snapshot()
    assert places is not None
    queues = {device: list(queue) for device, queue in places.queues.items()}
    paused = [one.state for one in seen.devices]
    return queues, places.ended[:10].ljust(10, b"\0"), paused, seen.policy, seen.totals


@given(st.lists(commands, max_size=UNDOS))
def test_all_that_was_done_is_undone_step_by_step(steps: Sequence[Command]) -> None:
    bench = made()
    seen = [state_of(bench)]
    for step in steps:
        (outcome,) = asked(bench, step)
        if outcome.undoable:
            seen.append(state_of(bench))
    for before in reversed(seen[:-1]):
        (outcome,) = asked(bench, Undo())
        assert outcome.accepted
        assert not outcome.undoable
        assert state_of(bench) == before
    assert asked(bench, Undo()) == [Outcome(False, "there is nothing to undo")]


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        (MoveUnits((0, 3), "cuda:1"), "undone: 2 files are back in their places"),
        (ReorderUnits((3,), first=True), "undone: virus_3.faa is back in its place"),
        (SkipUnits((0, 8)), "undone: 3 files wait again"),
        (PauseDevice("cuda:0"), "undone: cuda:0 is resumed"),
        (PauseAll(), "undone: cuda:0, cuda:1 are resumed"),
        (SetPolicy(TimeSettings(5.0)), "undone: steal if ≥ 0.1 s saved"),
    ],
)
def test_an_undo_says_what_it_did(step: Command, answer: str) -> None:
    bench = made()
    assert asked(bench, step, Undo())[1] == Outcome(True, answer)


def test_a_retry_of_skipped_files_is_undone_and_one_of_failed_files_is_not() -> None:
    bench = made()
    lease = bench.must_take("cuda:0")
    bench.coordinator.record_file_failure(lease.unit.unit_id, lease.epoch, Failure("too long"))
    asked(bench, SkipUnits((1,)), RetryUnits((0, 1)))
    assert asked(bench, Undo()) == [
        Outcome(True, "undone: virus_1.faa is skipped again; 1 file that had failed will run")
    ]
    asked(bench, SkipUnits((0,)), Undo(), Undo())
    assert bench.coordinator.totals().skipped == 0
    again = bench.must_take("cuda:0")
    bench.coordinator.record_file_failure(again.unit.unit_id, again.epoch, Failure("too long"))
    retried, undone = asked(bench, RetryUnits((again.unit.unit_id,)), Undo())
    assert (retried.accepted, retried.undoable) == (True, False)
    assert undone == Outcome(False, "the retry of failed files cannot be undone; skip them instead")


def test_what_others_changed_meanwhile_stays_and_the_next_undo_goes_further_back() -> None:
    bench = made()
    asked(bench, PauseDevice("cuda:1"), SkipUnits((0,)), RetryUnits((0,)))
    asked(bench, ReorderUnits((0,), first=True))
    bench.must_take("cuda:0")
    answers = asked(bench, Undo(), Undo(), Undo(), Undo())
    assert [one.message for one in answers] == [
        "nothing to undo: what was moved has started or changed hands meanwhile",
        "not skipped: virus_0.faa has started on cuda:0",
        "not brought back: virus_0.faa is running",
        "undone: cuda:1 is resumed",
    ]


def test_the_parts_of_a_broken_up_bundle_are_not_taken_for_the_bundle() -> None:
    bench = Bench(stealing=False, poison_limit=1)
    bench.coordinator.assign([bundle(0, 1.0, 1.0), unit(2, 9.0)])
    (home,) = (device for device in DEVICES if 0 in bench.waiting(device))
    other = next(device for device in DEVICES if device != home)
    asked(bench, MoveUnits((0,), other), ReorderUnits((0,), first=True))
    bench.must_take(other)
    bench.die(other)
    assert sorted(bench.waiting(home) + bench.waiting(other)) == [0, 1, 2]
    asked(bench, Undo(), Undo())
    assert sorted(bench.waiting(home) + bench.waiting(other)) == [0, 1, 2]


def test_what_the_program_pauses_by_itself_is_not_a_person_s_to_undo() -> None:
    bench = made()
    paused, undone = asked(bench, PauseAll("the disk is full"), Undo())
    assert (paused.accepted, paused.undoable, undone.accepted) == (True, False, False)


def test_only_so_many_changes_are_kept() -> None:
    bench = made()
    for number in range(UNDOS + 1):
        asked(bench, SetPolicy(TimeSettings(10.0 + number)))
    undone = [one.accepted for one in asked(bench, *[Undo()] * (UNDOS + 1))]
    assert undone == [True] * UNDOS + [False]
