"""The timeline: what each device did when, zoomed, panned, told in words."""

from __future__ import annotations

import time

import pytest
from textual.pilot import Pilot

from tests.support.screen import app_of, fake_run, look, seen, shown, toasts, until
from tui_balancer.scheduler.commands import PauseDevice
from tui_balancer.scheduler.events import (
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    PartEvent,
    ReturnEvent,
    StealEvent,
)
from tui_balancer.scheduler.model import DeviceState, ReturnCause
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog
from tui_balancer.ui.state.timeline import Activity, DeviceTrack, TimelineRecord
from tui_balancer.ui.widgets.gantt import Gantt
from tui_balancer.ui.widgets.tracks import sign_of
from tui_balancer.view.run_state import RunState, SpanEnd

DEVICE = "cuda:0"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def lease(seconds: float, number: int) -> Event:
    return LeaseEvent(0, seconds, number, f"f{number}", DEVICE, 1)


def done(seconds: float, number: int) -> Event:
    return DoneEvent(0, seconds, number, f"f{number}", DEVICE, 1, 1.0)


def state(seconds: float, what: DeviceState) -> Event:
    return DeviceEvent(0, seconds, DEVICE, what, "")


def track(*events: Event) -> DeviceTrack:
    record = TimelineRecord()
    RunState(record).apply_all(events)
    return record.tracks[DEVICE]


STORY = (
    state(0.0, DeviceState.STARTING),
    state(4.0, DeviceState.IDLE),
    lease(4.0, 1),
    done(10.0, 1),
    lease(12.0, 2),
    FailureEvent(0, 15.0, 2, "f2", DEVICE, "why"),
    state(16.0, DeviceState.PAUSED),
    state(20.0, DeviceState.IDLE),
    StealEvent(0, 21.0, 3, "f3", 1, "cuda:1", DEVICE, "why"),
    lease(21.5, 3),
)


def test_a_file_written_while_the_next_is_computed_does_not_end_that() -> None:
    spans = track(lease(4.0, 1), lease(10.0, 2), done(10.5, 1)).latest(2, now=12.0)
    assert [(span.unit_id, span.start, span.end, span.how) for span in spans] == [
        (2, 10.0, 12.0, SpanEnd.OUT),
        (1, 4.0, 10.0, SpanEnd.DONE),
    ]


@pytest.mark.parametrize(
    ("start", "end", "activity", "files"),
    [
        (1.0, 2.0, Activity.LOADING, 0),
        (5.0, 6.0, Activity.WORKING, 1),
        (10.5, 11.5, Activity.IDLE, 0),
        (17.0, 18.0, Activity.PAUSED, 0),
        (9.2, 13.0, Activity.IDLE, 2),
        (24.0, 25.0, Activity.WORKING, 1),
    ],
)
def test_a_stretch_of_time_tells_what_the_device_was_at(
    start: float, end: float, activity: Activity, files: int
) -> None:
    cell = track(*STORY).cell(start, end, now=25.0)
    assert (cell.activity, cell.files) == (activity, files)


def test_a_stretch_knows_its_share_of_work_its_failures_and_its_steals() -> None:
    one = track(*STORY)
    assert one.cell(8.0, 13.0, now=25.0).share == pytest.approx(0.6)
    assert one.cell(0.0, 25.0, now=25.0).share == pytest.approx((6 + 3 + 3.5) / 25)
    assert [one.cell(at, at + 1.0, now=25.0).failed for at in (14.0, 15.0)] == [False, True]
    assert [one.cell(at, at + 1.0, now=25.0).steals for at in (20.0, 21.0)] == [0, 1]


def test_a_file_in_hand_lasts_until_now() -> None:
    span = track(lease(1.0, 7)).latest(1, now=5.0)[0]
    assert (span.name, span.start, span.end, span.how) == ("f7", 1.0, 5.0, SpanEnd.OUT)


def test_a_file_that_came_back_is_in_hand_twice() -> None:
    record = TimelineRecord()
    back = ReturnEvent(0, 3.0, 1, "f1", DEVICE, 1, ReturnCause.WORKER_DIED)
    again = LeaseEvent(0, 5.0, 1, "f1", "cuda:1", 2)
    RunState(record).apply_all([lease(1.0, 1), back, again])
    history = record.history(1, now=6.0)
    assert [(device, span.how) for device, span in history] == [
        (DEVICE, SpanEnd.RETURNED),
        ("cuda:1", SpanEnd.OUT),
    ]


def test_a_divided_file_ends_in_each_hand_by_itself() -> None:
    record = TimelineRecord()
    joined = LeaseEvent(0, 3.0, 1, "f1", "cuda:1", 2, part=True)
    part = PartEvent(0, 6.0, 1, "f1", "cuda:1", 2, 4, 400, 1e9, 2.5)
    RunState(record).apply_all([lease(1.0, 1), joined, part, done(8.0, 1)])
    spans = [(device, span.end, span.how) for device, span in record.history(1, now=9.0)]
    assert spans == [(DEVICE, 8.0, SpanEnd.DONE), ("cuda:1", 6.0, SpanEnd.PART)]


def test_every_look_is_told_apart_without_colour() -> None:
    one = track(*STORY, done(30.0, 3), lease(30.0, 4), done(40.0, 4), state(41.0, DeviceState.DEAD))
    moments = (1.0, 5.0, 10.6, 13.0, 15.0, 17.0, 21.0, 45.0)
    looks = [sign_of(one.cell(at, at + 0.9, now=50.0))[0] for at in moments]
    assert looks == ["░", "█", "·", "▓", "✗", "‖", "◆", "─"]


def gantt_of(pilot: Pilot[int]) -> Gantt:
    return app_of(pilot).run_screen.timeline.gantt


async def test_the_whole_run_is_shown_first_and_the_cursor_stands_at_the_present() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("5")
        await pilot.pause()
        gantt = gantt_of(pilot)
        assert gantt.window.first == 0
        assert gantt.window.step == 10.0
        assert gantt.moment == (750.0, 760.0)
        assert "10 s per column · following" in await seen(pilot)


async def test_brackets_zoom_around_the_cursor_and_zero_shows_all_again() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("5", *["left"] * 20)
        start = gantt_of(pilot).moment[0]
        await pilot.press("right_square_bracket")
        assert gantt_of(pilot).window.step == 5.0
        assert gantt_of(pilot).moment[0] == start
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert gantt_of(pilot).window.step == 20.0
        await pilot.press("0")
        assert gantt_of(pilot).window.step == 10.0


async def test_the_picture_moves_along_while_it_is_followed_and_stands_while_it_is_read() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("5", *["right_square_bracket"] * 4)
        before = gantt_of(pilot).window.first
        run.change(elapsed_seconds=790.0)
        await look(pilot)
        assert gantt_of(pilot).window.first > before
        await pilot.press("left")
        before = gantt_of(pilot).window.first
        run.change(elapsed_seconds=830.0)
        await look(pilot)
        assert gantt_of(pilot).window.first == before
        await pilot.press("f")
        assert gantt_of(pilot).moment[1] >= 830.0


async def test_the_line_below_tells_what_the_cursor_stands_on() -> None:
    async with shown(fake_run(), (200, 50)) as pilot:
        await pilot.press("5", "down", *["right_square_bracket"] * 3, *["left"] * 6)
        await pilot.pause()
        lines = (await seen(pilot)).splitlines()
        line = next(one for one in lines if "% busy" in one)
        assert "cuda:1" in line
        assert "marine_virome/contigs_07" in line


async def test_enter_shows_the_file_at_the_cursor() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("5", "left", "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DetailDialog)
        assert "Attempts" in await seen(pilot)


async def test_enter_beside_a_file_says_so() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("5", "end", "enter")
        await until(pilot, lambda: toasts(pilot))
        assert "No file was running then." in toasts(pilot)[0]


async def test_p_pauses_the_device_of_the_track_under_the_cursor() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("5", "down", "p")
        await until(pilot, lambda: run.commands)
        assert run.commands == [PauseDevice("cuda:1")]


async def test_a_click_puts_the_cursor_into_time() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("5")
        await pilot.pause()
        await pilot.click("#gantt", offset=(32, 3))
        assert gantt_of(pilot).cursor_row == "cuda:1"
        assert gantt_of(pilot).moment[0] == 200.0


async def test_the_cursor_follows_to_the_last_letter_that_there_is() -> None:
    gantt = Gantt(TimelineRecord())
    gantt._step, gantt._now = 0.1, 3 * 0.1
    assert gantt._now / 0.1 > 3, "as floating point has it"
    assert gantt._last_cell == 2
