"""What a screen and a run say to each other, and what is none of it."""

from __future__ import annotations

import inspect
import pickle
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import DecodeError

from tests.support.fake_run import FakeRun
from tests.support.pictures import BROKEN, FINISHED, PREPARING, RUNNING, SUMMARY, UNITS, WORK, queue
from tui_balancer.attach.messages import (
    Answer,
    AnyRequest,
    AskEvents,
    AskFiles,
    AskPlaces,
    AskSnapshot,
    AskStatus,
    AskSummary,
    AskUnits,
    Execute,
    FilesFound,
    Question,
    Refusal,
    Request,
    decode_answer,
    decode_hello,
    decode_request,
    encode,
)
from tui_balancer.notices import Example, Notice, NoticeKind
from tui_balancer.scheduler.commands import (
    AddFiles,
    AnyCommand,
    Drain,
    DrainDevice,
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
    SplitUnit,
    StartDevice,
    StopNow,
    Undo,
)
from tui_balancer.scheduler.events import (
    AddedEvent,
    AssignmentEvent,
    DoneEvent,
    PartEvent,
    RetryEvent,
    ReturnEvent,
    RunEvent,
    SkipEvent,
    SplitEvent,
    UnbundleEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import (
    PLAIN,
    CountSettings,
    ReturnCause,
    TimeSettings,
    Unit,
    UnitTraits,
)
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import RunHandle
from tui_balancer.view.names import FileSelection
from tui_balancer.view.status import status_of

COMMANDS = (
    PauseDevice("cuda:0"),
    DrainDevice("cuda:0"),
    StartDevice("cpu:1"),
    ResumeDevice("cuda:0"),
    PauseAll("the disk is full"),
    ResumeAll(),
    SetPolicy(CountSettings(3.0, 4)),
    SetPolicy(TimeSettings(2.5)),
    MoveUnits((1, 2), "cuda:1"),
    SplitUnit(7, "cuda:1"),
    ReorderUnits((3, 1), first=True),
    Undo(),
    SkipUnits((5,)),
    RetryUnits((5, 6)),
    AddFiles(("/data/more", "/data/*.faa"), (("esm2_t6_8M_UR50D", "/data/late.faa"),)),
    Drain(),
    StopNow(),
)

EVENTS = (
    *WORK,
    AddedEvent(0, 1.5, 8, 3, 2, "2 files: a.faa, b.faa", 4.5),
    DoneEvent(1, 2.0, 3, "a bundle", "cpu:0", 1, 1.5, (3, 4), 1.25),
    SkipEvent(2, 2.0, 3, "f3", "cpu:0", "skipped by hand", units=b"\x03\0\0\0"),
    RetryEvent(3, 2.0, 3, "f3", "cpu:0"),
    SplitEvent(4, 2.0, 3, "f3", "cpu:0", "cpu:1", 2, 5, "idle", copy=True, source_ends=(1.0, 2.0)),
    PartEvent(5, 2.0, 3, "f3", "cpu:0", 1, 10, 100, 1e9, 2.0),
    ReturnEvent(6, 2.0, 3, "f3", "cpu:0", 1, ReturnCause.WORKER_DIED, "killed by SIGKILL", True),
    AssignmentEvent(9, 2.0, (("cpu:0", b"\x03\0\0\0\xfb\xff\xff\xff"), ("cpu:1", b""))),
    UnbundleEvent(7, 2.0, 3, "a bundle", "cpu:0", 1, (3, 4), "killed by SIGKILL", "cpu:1"),
    WarningEvent(8, 2.0, Notice("empty", NoticeKind.EMPTY, 4, 2, (Example("a.faa", 3, "P1"),))),
)

BUNDLE = Unit(4, "2 files", 2, 20, 1e9, UnitTraits(2, queue(4, 2)))
SHARDED = Unit(6, "f6", 0, 0, 0.0, UnitTraits(shards=(7, 8), joined=(10, 100, 1e10)))
SHARD = Unit(7, "f6 1/2", 5, 50, 5e9, UnitTraits(whole=6))


def asked(question: Request[Any], run: RunHandle) -> object:
    """Return the answer to a question after both have been bytes."""
    request = decode_request(encode(question))
    return decode_answer(type(question), encode(Answer(request.answer(run))))


@pytest.mark.parametrize(
    "snapshot",
    [
        RUNNING,
        BROKEN,
        FINISHED,
        PREPARING,
        replace(RUNNING, policy=CountSettings(2.5), eta_seconds=float("inf")),
    ],
)
def test_a_snapshot_arrives_as_it_was(snapshot: Any) -> None:
    assert asked(AskSnapshot(), FakeRun(snapshot)) == snapshot


@pytest.mark.parametrize("snapshot", [RUNNING, BROKEN, PREPARING])
def test_a_run_in_brief_arrives_as_it_was(snapshot: Any) -> None:
    assert asked(AskStatus(), FakeRun(snapshot)) == status_of(snapshot)


def test_selected_files_arrive_as_their_numbers_or_as_why_there_are_none() -> None:
    run = FakeRun(RUNNING, {"cuda:0": queue(1, 3)}, UNITS)
    assert asked(AskFiles(FileSelection(waiting="*")), run) == FilesFound((1, 2, 3))
    assert asked(AskFiles(FileSelection(failed=True)), run) == FilesFound(
        problem="no file has failed"
    )


def test_every_kind_of_event_arrives_as_it_was() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(RunEvent))
    run = FakeRun(RUNNING)
    run.happen(EVENTS)
    assert asked(AskEvents(3), run) == run.events_after(3) != ()


def test_every_command_arrives_as_it_was() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(AnyCommand))
    run = FakeRun(RUNNING)
    run.outcomes = [Outcome(False, "not now") for _ in COMMANDS]
    answers = [asked(Execute(command), run) for command in COMMANDS]
    assert run.commands == list(COMMANDS)
    assert answers == [Outcome(False, "not now")] * len(COMMANDS)


def test_every_kind_of_unit_arrives_as_it_was() -> None:
    units = (*UNITS[:4], BUNDLE, SHARDED, SHARD)
    arrived: Any = asked(AskUnits(0), FakeRun(RUNNING, units=list(units)))
    assert arrived == units
    assert [one.traits is PLAIN for one in arrived] == [True] * 4 + [False] * 3


def test_places_arrive_as_they_were() -> None:
    run = FakeRun(RUNNING, {"cuda:0": queue(1, 3), "": ()}, UNITS, {5: 1, 6: 2})
    message: Any = asked(AskPlaces(0), run)
    places = message.places()
    assert places == Places(1, {"cuda:0": array("i", [1, 2, 3]), "": array("i")}, places.ended)
    assert (places.ended[5], places.ended[6], len(places.ended)) == (1, 2, len(UNITS))


def test_the_end_of_a_run_arrives_as_it_was() -> None:
    run = FakeRun(FINISHED)
    assert asked(AskSummary(), run) is None
    run.final = replace(SUMMARY, prediction_errors=(0.1, 0.4), efficiency=0.93)
    assert asked(AskSummary(), run) == run.final


def test_a_refusal_arrives_as_one_whatever_was_asked() -> None:
    for request in get_args(AnyRequest):
        refusal = decode_answer(request, encode(Refusal("not now")))
        assert refusal == Refusal("not now")


def test_whatever_a_screen_can_ask_of_a_run_can_be_asked_from_elsewhere() -> None:
    methods = {
        name for name, _ in inspect.getmembers(RunHandle, inspect.isfunction) if name[0] != "_"
    }
    # The log files lie on the same machine.
    in_brief = {AskStatus, AskFiles}
    assert len(set(get_args(AnyRequest)) - in_brief) == len(methods - {"log_folder"})
    assert set(get_args(AnyRequest)) == set(Request.__subclasses__())


def test_a_name_that_is_no_text_is_shown_and_does_not_break_the_screen(tmp_path: Path) -> None:
    output = str(tmp_path / "caf\udce9")
    snapshot: Any = asked(AskSnapshot(), FakeRun(replace(RUNNING, output=output)))
    assert snapshot == replace(RUNNING, output=str(tmp_path / "caf\\udce9"))


class Bomb:
    """Would run a program where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_no_message(protocol: int) -> None:
    message = pickle.dumps(Bomb(), protocol)
    for decode in (decode_request, decode_hello):
        with pytest.raises(DecodeError):
            decode(message)
    with pytest.raises(DecodeError):
        decode_answer(AskSnapshot, message)


def _spoilt(message: bytes, place: int, byte: int, length: int) -> bytes:
    place %= len(message)
    return (message[:place] + bytes([byte]) + message[place + 1 :])[: length % (len(message) + 1)]


VALID: tuple[Question[Any], ...] = (
    *(AskSnapshot(), AskEvents(3), AskPlaces(5)),
    *(Execute(one) for one in COMMANDS),
)


@example(b"\x81\xa3ask\xac" + 11 * b"\x00" + b"\x80")
@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(
            _spoilt,
            st.sampled_from([encode(question) for question in VALID]),
            st.integers(0, 400),
            st.integers(0, 255),
            st.integers(0, 400),
        ),
    )
)
def test_what_is_no_request_is_told_from_one_in_one_way(message: bytes) -> None:
    try:
        request: Question[Any] = decode_request(message)
    except DecodeError:
        return
    assert decode_request(encode(request)) == request


def test_a_request_says_nothing_that_is_not_known() -> None:
    message = encode(AskEvents(3)).replace(b"sequence", b"sequents")
    with pytest.raises(DecodeError):
        decode_request(message)
