"""The log of steals and other events."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.support.pictures import EVENTS, RUNNING
from tests.support.screen import app_of, fake_run, look, seen, shown, toasts
from tui_balancer.balance.events import (
    DeviceEvent,
    DoneEvent,
    LeaseEvent,
    ReturnEvent,
    StealEvent,
)
from tui_balancer.balance.model import DeviceState
from tui_balancer.ui.widgets.event_log import KEPT_ROWS, log_row


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def steal(number: int) -> StealEvent:
    return StealEvent(0, float(number), number, f"f{number}.faa", 1, "cuda:0", "cuda:1", "why")


def words(pilot: object) -> list[str]:
    return [row.word for row in app_of(pilot).run_screen.log_list.rows]  # type: ignore[arg-type]


def test_starts_and_ends_of_files_are_no_news() -> None:
    assert log_row(LeaseEvent(1, 0.0, 1, "a.faa", "cuda:0", 1), 1) is None
    assert log_row(DoneEvent(1, 0.0, 1, "a.faa", "cuda:0", 1, 2.0), 1) is None


def test_a_returned_file_and_a_dead_device_are_news() -> None:
    back = log_row(ReturnEvent(1, 0.0, 1, "a.faa", "cuda:0", 1, "worker died"), 1)
    dead = log_row(DeviceEvent(2, 0.0, "cuda:0", DeviceState.DEAD, "given up"), 2)
    assert back is not None
    assert (back.word, back.route, back.reason) == ("returned", "cuda:0", "worker died")
    assert dead is not None
    assert (dead.word, dead.tone, dead.reason) == ("dead", "bad", "given up")


async def test_the_newest_line_is_on_top_with_its_local_time() -> None:
    async with shown(fake_run()) as pilot:
        log = app_of(pilot).run_screen.log_list
        assert words(pilot) == ["steal", "paused", "failed", "move", "steal", "setting", "steal"]
        top = next(line for line in (await seen(pilot)).splitlines() if "contigs_0520" in line)
        for part in ("09:05:33", "steal", "cuda:2 → cuda:1"):
            assert part in top
        assert "3 steals" in str(log.border_title)


async def test_every_event_arrives_once_however_pictures_are_dropped() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        link = app_of(pilot).link
        for number in range(300):
            run.happen([steal(number)])
            link.read()
        await pilot.pause()
        names = [row.name for row in app_of(pilot).run_screen.log_list.rows]
        assert names[:300] == [f"f{number}.faa" for number in reversed(range(300))]
        assert len(names) == 300 + len(EVENTS)


async def test_the_log_keeps_the_newest_lines_only_but_counts_all_steals() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.happen(steal(number) for number in range(KEPT_ROWS + 10))
        await look(pilot)
        log = app_of(pilot).run_screen.log_list
        assert len(log.rows) == KEPT_ROWS
        assert log.rows[0].name == f"f{KEPT_ROWS + 9}.faa"
        assert "5,013 steals" in str(log.border_title)


async def test_a_cursor_on_top_stays_on_top() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.happen([steal(1)])
        await look(pilot)
        log = app_of(pilot).run_screen.log_list
        assert log.cursor == 0
        assert log.cursor_row is not None
        assert log.cursor_row.name == "f1.faa"


async def test_a_cursor_below_the_top_stays_on_its_line() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        log = app_of(pilot).run_screen.log_list
        log.focus()
        await pilot.press("down", "down")
        before = log.cursor_row
        run.happen([steal(1), steal(2)])
        await look(pilot)
        assert log.cursor == 4
        assert log.cursor_row == before


async def test_warnings_are_lines_of_the_log_once() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.change(warnings=("unknown card",))
        await look(pilot)
        run.change(elapsed_seconds=760.0)
        await look(pilot)
        assert words(pilot).count("warning") == 1
        run.change(warnings=("unknown card", "duplicate ids"))
        await look(pilot)
        rows = app_of(pilot).run_screen.log_list.rows
        assert [row.reason for row in rows if row.word == "warning"] == [
            "duplicate ids",
            "unknown card",
        ]


async def test_a_death_is_told_by_a_toast_too() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.happen([DeviceEvent(0, 760.0, "cuda:1", DeviceState.DEAD, "given up [3 restarts]")])
        await look(pilot)
        assert toasts(pilot) == ["cuda:1 is dead\ngiven up [3 restarts]"]


async def test_enter_shows_a_line_with_all_its_words() -> None:
    reason = "14 s sooner, and a long story about why that is so " * 3
    run = fake_run(replace(RUNNING, devices=RUNNING.devices))
    run.happen([replace(steal(1), reason=reason.strip())])
    async with shown(run, (80, 24)) as pilot:
        app_of(pilot).run_screen.log_list.focus()
        await pilot.press("enter")
        await pilot.pause()
        shown_words = (await seen(pilot)).replace("│", " ").split()
        assert " ".join(reason.split()) in " ".join(shown_words)
        await pilot.press("escape")
        assert pilot.app.screen is app_of(pilot).run_screen
