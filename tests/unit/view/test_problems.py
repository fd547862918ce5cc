"""Failures and warnings in groups: equal causes are one, and the counts add up to the files."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.failures import FailureCause
from tui_balancer.notices import Example, Notice, NoticeKind
from tui_balancer.scheduler.events import (
    AssignmentEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    RetryEvent,
    SkipEvent,
    WarningEvent,
)
from tui_balancer.view.handle import FailedFile
from tui_balancer.view.problems import FailureGroup, Problems, Severity, failure_groups
from tui_balancer.view.run_state import RunState

CAUSES = (FailureCause.EMPTY, FailureCause.OUT_OF_MEMORY, FailureCause.UNEXPECTED)


def failure(number: int, cause: FailureCause, reason: str = "why") -> FailureEvent:
    return FailureEvent(0, 1.0, number, f"f{number}", "cpu:0", reason, cause=cause)


def retry(number: int) -> RetryEvent:
    return RetryEvent(0, 2.0, number, f"f{number}", "cpu:0")


def lease(number: int) -> LeaseEvent:
    return LeaseEvent(0, 3.0, number, f"f{number}", "cpu:0", 1)


def done(number: int) -> DoneEvent:
    return DoneEvent(0, 4.0, number, f"f{number}", "cpu:0", 1, 1.0)


def skip(number: int) -> SkipEvent:
    return SkipEvent(0, 2.5, number, f"f{number}", "cpu:0", "by hand")


def problems_of(*events: Event) -> Problems:
    problems = Problems()
    RunState(problems).apply_all(events)
    return problems


def told(problems: Problems) -> list[tuple[str, int]]:
    return [(group.text, group.count) for group in problems.groups]


def test_files_of_one_cause_are_one_group_whatever_their_own_lines_are() -> None:
    problems = problems_of(
        failure(0, FailureCause.EMPTY, "the file is empty"),
        failure(1, FailureCause.FOREIGN_LETTER, "line 3: '1' is not a residue"),
        failure(2, FailureCause.FOREIGN_LETTER, "line 99: '<' is not a residue (a web page?)"),
    )
    assert told(problems) == [
        ("a sequence has a character that is not a residue", 2),
        ("the file is empty", 1),
    ]
    assert tuple(place.line for place in problems.groups[0].examples) == (
        "f1: line 3: '1' is not a residue",
        "f2: line 99: '<' is not a residue (a web page?)",
    )


def test_unexpected_errors_are_one_group_only_where_they_say_the_same() -> None:
    reasons = ("ValueError: x", "KeyError: y", "ValueError: x")
    problems = problems_of(
        *(failure(n, FailureCause.UNEXPECTED, reason) for n, reason in enumerate(reasons))
    )
    assert told(problems) == [("ValueError: x", 2), ("KeyError: y", 1)]


def test_neither_a_skipped_file_nor_a_shard_is_a_failed_file() -> None:
    shard = FailureEvent(0, 1.0, 7, "huge ⟨1/2⟩", "cpu:0", "why", whole=6)
    by_hand = FailureEvent(0, 1.0, 8, "f8", None, "skipped by hand", by_hand=True)
    assert problems_of(shard, by_hand, skip(9)).groups == ()


def test_files_that_are_tried_again_wait_in_their_group_until_a_worker_has_them() -> None:
    cause = FailureCause.OUT_OF_MEMORY
    events = [failure(0, cause), failure(1, cause), retry(0)]
    (group,) = problems_of(*events).groups
    assert isinstance(group, FailureGroup)
    assert (list(group.files), list(group.waiting)) == ([1], [0])
    (group,) = problems_of(*events, lease(0)).groups
    assert isinstance(group, FailureGroup)
    assert (list(group.files), list(group.waiting)) == ([1], [])
    assert problems_of(failure(0, cause), retry(0), skip(0)).groups == ()
    assert told(problems_of(failure(0, cause), retry(0), lease(0), failure(0, CAUSES[0]))) == [
        ("the file is empty", 1)
    ]


def test_the_files_of_a_bundle_wait_and_start_together() -> None:
    cause = FailureCause.OUT_OF_MEMORY
    again = RetryEvent(0, 2.0, 4, "2 files: f4 …", "cpu:0", units=array("i", [4, ~5]).tobytes())
    events = [failure(4, cause), failure(5, cause), again]
    (group,) = problems_of(*events).groups
    assert isinstance(group, FailureGroup)
    assert (group.count, list(group.waiting)) == (0, [4, 5])
    assert problems_of(*events, lease(4)).groups == ()


def test_what_a_later_session_puts_into_queues_has_not_failed_any_more() -> None:
    events = [failure(number, FailureCause.OUT_OF_MEMORY) for number in range(4)]
    # 1 alone, then the bundle of 2 and 3.
    queues = (("cpu:0", array("i", [1, 2, ~3]).tobytes()),)
    (group,) = problems_of(*events, AssignmentEvent(0, 9.0, queues)).groups
    assert isinstance(group, FailureGroup)
    assert list(group.files) == [0]


def test_warnings_of_a_kind_add_up_and_equal_ones_count_once() -> None:
    kind = NoticeKind.OUT_OF_MEMORY
    first = Notice("sequences …: 2 in 1 file", kind, 2, 1, (Example("a.faa", record="P1"),))
    second = Notice("sequences …: 1 in 1 file", kind, 1, 1, (Example("b.faa", 7, "P2"),))
    warnings = (first, second, first, Notice("unknown card"), Notice("no space soon"))
    problems = problems_of(*(WarningEvent(0, 1.0, one) for one in warnings))
    assert told(problems) == [
        ("sequences did not fit into memory and have no vectors", 3),
        ("unknown card", 1),
        ("no space soon", 1),
    ]
    group = problems.groups[0]
    assert group.amount == "3 in 2 files"
    assert [place.line for place in group.examples] == ["a.faa: P1", "b.faa: line 7: P2"]


def test_failures_come_before_warnings_and_those_of_most_files_first() -> None:
    problems = problems_of(
        WarningEvent(0, 0.0, Notice("look")),
        failure(0, FailureCause.EMPTY),
        *(failure(number, FailureCause.OUT_OF_MEMORY) for number in (1, 2)),
    )
    assert [(group.severity, group.count) for group in problems.groups] == [
        (Severity.FAILURE, 2),
        (Severity.FAILURE, 1),
        (Severity.WARNING, 1),
    ]
    assert len(problems) == 3


def test_forgotten_problems_are_a_change() -> None:
    problems = problems_of(failure(0, FailureCause.EMPTY))
    before = problems.changes
    problems.forget()
    assert problems.groups == ()
    assert problems.changes > before


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["fail", "retry", "lease", "done", "skip"]),
            st.sampled_from(CAUSES),
            st.sampled_from("xy"),
        )
    )
)
def test_the_counts_add_up_to_the_failed_files(
    steps: list[tuple[int, str, FailureCause, str]],
) -> None:
    make = {"retry": retry, "lease": lease, "done": done, "skip": skip}
    problems = Problems()
    state = RunState(problems)
    failed: dict[int, str] = {}
    for number, step, cause, reason in steps:
        if step == "fail":
            state.apply(failure(number, cause, reason))
            failed[number] = reason
        elif step != "lease" or number not in failed:
            state.apply(make[step](number))
            failed.pop(number, None)
    groups = problems.failures
    assert sum(group.count for group in groups) == len(failed)
    files = {number: reason for group in groups for number, (_, reason) in group.files.items()}
    assert files == failed
    assert all(group.files or group.waiting for group in groups)


@pytest.mark.parametrize("cause", CAUSES)
def test_the_files_of_a_summary_are_grouped_alike(cause: FailureCause) -> None:
    files = [FailedFile(f"f{number}", "why", cause=cause) for number in range(5)]
    (group,) = failure_groups(files)
    assert group.amount == "5 files"
    assert [place.line for place in group.examples] == ["f0: why", "f1: why", "f2: why"]
