"""A run's story over all its sessions, what the devices had in hand in it, and its account."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from tests.support.told_run import (
    BAD,
    BROKEN,
    FIRST,
    NAMES,
    SECOND,
    SHARED,
    UNITS,
    A,
    C,
    numbered,
    queue,
    recorded_run,
    told_run,
)
from tui_balancer.errors import UserError
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.history.history import CUT_OFF, RunHistory, read_history, stored_event
from tui_balancer.history.replay.replay_run import Landmark, ReplayRun
from tui_balancer.history.run_report import RunReport, account_of
from tui_balancer.notices import Example, Notice, NoticeKind
from tui_balancer.run_folder.ledger_writer import event_record
from tui_balancer.scheduler.events import (
    AssignmentEvent,
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    ReturnEvent,
    SplitEvent,
    StealEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceSpec, DeviceState, TimeSettings, Unit
from tui_balancer.scheduler.policy.bounds import Speed
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.view.run_state import RunState, SpanEnd
from tui_balancer.view.run_stats import RunStats
from tui_balancer.view.spans import Span, SpanRecord


def record_of(events: Iterable[Event], units: Sequence[Unit], until: float) -> SpanRecord:
    record = SpanRecord(until)
    state = RunState(record)
    state.expect(units)
    state.apply_all(events)
    return record


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> RunHistory:
    return read_history(told_run(tmp_path_factory.mktemp("told")))


@pytest.fixture(scope="module")
def account(history: RunHistory) -> RunReport:
    return account_of(history)


@pytest.mark.parametrize(
    "event",
    [
        StealEvent(
            1, 2.0, A, NAMES[A], 1, "cpu:0", "cpu:1", "why", 3.0, 2.0, (3.0, 1.0), (0.0, 2.0)
        ),
        SplitEvent(1, 2.0, A, NAMES[A], "cpu:0", "cpu:1", 1, 3, "why", 3.0, 2.0, False, (3.0, 1.0)),
        DoneEvent(1, 2.0, A, NAMES[A], "cpu:0", 1, 1.0, (0, 1)),
        AssignmentEvent(1, 2.0, (("cpu:0", queue(C, ~SHARED)), ("cpu:1", b""))),
        FailureEvent(1, 2.0, A, NAMES[A], "cpu:0", "shard 1 of 2: why", waiting=True),
        WarningEvent(
            1,
            2.0,
            Notice("empty", NoticeKind.EMPTY, 4, 2, (Example("a.faa", 3, "P1"), Example("b.faa"))),
        ),
    ],
)
def test_an_event_comes_out_of_the_ledger_as_it_went_in(event: Event) -> None:
    record = event_record(event)
    read = replace(record, payload=json.loads(json.dumps(record.payload)))
    assert stored_event(read, event.sequence) == event


def test_sessions_follow_each_other_on_one_clock(history: RunHistory) -> None:
    first, second = history.sessions
    assert (first.start, first.seconds) == (0.0, 10.0)
    assert (second.start, second.seconds) == (10.0, 10.0)
    assert history.seconds == 20.0
    assert [event.sequence for event in history.events] == list(range(1, len(history.events) + 1))
    times = [event.seconds for event in history.events]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(18.1)


def test_what_a_killed_process_had_out_is_returned_at_its_last_moment(
    history: RunHistory,
) -> None:
    ends = history.events[len(FIRST) : -len(SECOND)]
    returned = [event for event in ends if isinstance(event, ReturnEvent)]
    stopped = [event for event in ends if isinstance(event, DeviceEvent)]
    assert {event.unit_id for event in returned} == {C, BROKEN}
    assert {event.reason for event in returned} == {CUT_OFF}
    assert {(event.device, event.state) for event in stopped} == {
        ("cpu:0", DeviceState.STOPPED),
        ("cpu:1", DeviceState.STOPPED),
    }
    assert {event.seconds for event in ends} == {10.0}


def test_the_last_session_alone_has_a_clock_and_numbers_of_its_own(
    history: RunHistory,
) -> None:
    alone = history.newest_session()
    rounded = tuple(with_fields(event, seconds=round(event.seconds, 6)) for event in alone.events)
    assert rounded == tuple(numbered(SECOND))
    assert alone.seconds == 10.0
    assert [one.record for one in alone.sessions] == [history.sessions[1].record]
    assert alone.files is history.files


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no run here"):
        read_history(tmp_path)


def test_a_span_is_told_with_what_was_done_in_it() -> None:
    (span,) = record_of(numbered((FIRST[5], FIRST[8])), UNITS, 20.0).spans
    assert span == Span(
        "cpu:0", A, 1, NAMES[A], 2.0, 6.0, SpanEnd.DONE, 1, 10, 1000, 1e13, 3.5
    )  # fmt: skip


def test_devices_that_share_a_file_are_credited_with_their_parts(history: RunHistory) -> None:
    record = record_of(history.events, history.units, 20.0)
    shared = [one for one in record.spans if one.unit_id == SHARED]
    assert [(one.device, one.how, one.files, one.residues, one.cost) for one in shared] == [
        ("cpu:1", SpanEnd.DONE, 1, 600, 6e12),
        ("cpu:0", SpanEnd.PART, 0, 400, 4e12),
    ]


def test_a_lease_without_an_end_lasts_until_now() -> None:
    (span,) = record_of([LeaseEvent(1, 3.0, 0, "a", "cpu:0", 1)], UNITS, 9.0).spans
    assert (span.end, span.how) == (9.0, SpanEnd.OUT)


def test_a_bundle_is_done_also_when_its_first_file_has_failed() -> None:
    units = [Unit(number, f"f{number}", 1, 10, 1.0) for number in range(3)]
    (span,) = record_of(
        [
            LeaseEvent(1, 1.0, 0, "3 files: f0 …", "cpu:0", 1),
            FailureEvent(2, 2.0, 0, "f0", "cpu:0", "out of memory"),
            DoneEvent(3, 2.0, 0, "3 files: f0 …", "cpu:0", 1, 0.9, (1, 2)),
        ],
        units,
        9.0,
    ).spans
    assert (span.how, span.files, span.residues, span.reason) == (SpanEnd.DONE, 2, 20, "")


def test_a_state_lasts_until_the_next_one() -> None:
    found = [one for one in record_of(numbered(FIRST), UNITS, 12.0).states if one.device == "cpu:1"]
    assert [(one.state, one.start, one.end) for one in found] == [
        (DeviceState.STARTING, 0.5, 3.0),
        (DeviceState.IDLE, 3.0, 10.0),
        (DeviceState.PAUSED, 10.0, 12.0),
    ]


def test_the_account_counts_the_whole_run(account: RunReport) -> None:
    assert (account.done, account.failed, account.waiting) == (4, 2, 0)
    assert (account.sequences, account.residues) == (40, 4000)
    assert account.residues_per_second == 4000 / 20.0
    assert (account.steals, account.splits, account.moves) == (1, 1, 0)
    assert [one.how for one in account.sessions] == [CUT_OFF, "finished"]
    assert account.sessions[0].started_at == "1970-01-01T00:16:40+00:00"


def test_devices_are_told_over_all_sessions(account: RunReport) -> None:
    first, second = account.devices
    assert (first.device, first.files, first.residues, first.stolen_to) == ("cpu:0", 2, 2400, 1)
    assert (second.device, second.files, second.residues, second.stolen_from) == (
        *("cpu:1", 2, 1600),
        1,
    )
    assert (first.busy_seconds, first.restarts) == (12.0, 0)


def test_files_are_told_with_their_times_and_reasons(account: RunReport) -> None:
    assert (account.files[A].start, account.files[A].end) == (2.0, 6.0)
    assert account.files[SHARED].compute_seconds == pytest.approx(6.4)
    assert (account.files[C].attempts, account.files[C].end) == (2, 13.0)
    assert account.files[BAD].start is None
    assert account.files[BAD].reason == "the file is empty"
    assert [one.kind for one in account.transfers] == ["steal", "split"]


def test_live_counts_report_summary_and_replay_agree(tmp_path: Path) -> None:
    """One run: folded as its events came, and read from its ledger by all who read ledgers."""
    speeds = (1e12, 3e12, 2e12)
    devices = [
        SimulatedDevice(DeviceSpec(f"cpu:{place}", "a CPU", 1.0), Speed.steady(speed), 1.0)
        for place, speed in enumerate(speeds)
    ]
    costs = [*(1e12 * (1 + number % 7) for number in range(40)), 5e14]
    units = [Unit(number, f"f{number}", 2, 20, cost) for number, cost in enumerate(costs)]
    rules = Rules(TimeSettings(0.0), stealing=True, batch_cost=1e13, report_seconds=1.0)
    live = RunStats()
    state = RunState(live)
    state.expect(units)
    run = SimulatedRun(devices, rules, journal=state.apply)
    run.run(units)
    folder = recorded_run(tmp_path, devices, units, rules)
    account, summary = account_of(read_history(folder)), FinishedRun(folder).summary()
    replay = ReplayRun(folder, clock=lambda: 0.0)
    replay.seek(run.now - 1e-6)
    moments: tuple[Landmark, ...] = ("steal", "failure")
    assert live.steals
    assert live.splits
    counts = (live.steals, live.splits, live.moves)
    assert counts == (account.steals, account.splits, account.moves)
    assert counts == (summary.steals, summary.splits, summary.moves)
    assert [len(replay.landmarks(kind)) for kind in moments] == [sum(counts), 0]
    assert account.efficiency == summary.efficiency == live.efficiency()
    rows = {row.device: row for row in run.coordinator.get_gpu_metrics()}
    for report, told in zip(account.devices, summary.devices, strict=True):
        tally = live.devices[told.device]
        wanted = (tally.files, tally.sequences, tally.stolen_to, tally.stolen_from)
        assert (told.files, told.sequences, told.stolen_to, told.stolen_from) == wanted
        assert (report.files, report.sequences, report.stolen_to, report.stolen_from) == wanted
        row = rows[told.device]
        assert (row.files_done, row.stolen_to, row.stolen_from) == (tally.files, *wanted[2:])
    assert sum(row.files_done for row in replay.snapshot().devices) >= len(units) - len(devices)
