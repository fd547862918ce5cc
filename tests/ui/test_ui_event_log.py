"""The log of steals and other events."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields
from textual.pilot import Pilot

from tests.support.pictures import RUNNING, many_devices
from tests.support.screen import app_of, fake_run, look, seen, shown, toasts
from tui_balancer.notices import Example, Notice, NoticeKind
from tui_balancer.scheduler.events import (
    DeviceEvent,
    SplitEvent,
    StealEvent,
    WarningEvent,
)
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.ui.state.event_lines import KEPT_ROWS
from tui_balancer.view.event_lines import Label


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def steal(number: int) -> StealEvent:
    return StealEvent(0, float(number), number, f"f{number}.faa", 1, "cuda:0", "cuda:1", "why")


def words(pilot: object) -> list[str]:
    return [row.line.label.value for row in app_of(pilot).run_screen.overview.log_list.rows]  # type: ignore[arg-type]


async def framed(pilot: Pilot[int]) -> list[str]:
    """Return the words of each line of a dialog, without bars."""
    lines = [line.split("│")[1] for line in (await seen(pilot)).splitlines() if "│" in line]
    return [" ".join(word for word in line.split() if word[0] not in "━─") for line in lines]


async def test_the_newest_line_is_on_top_with_its_local_time() -> None:
    async with shown(fake_run()) as pilot:
        log = app_of(pilot).run_screen.overview.log_list
        assert words(pilot)[:7] == [
            *("steal", "device", "failed", "move", "steal", "setting", "steal")
        ]
        top = next(line for line in (await seen(pilot)).splitlines() if "contigs_0520" in line)
        for part in ("09:05:33", "steal", "cuda:2 → cuda:1"):
            assert part in top
        assert "3 steals" in str(log.border_title)


async def test_every_event_arrives_once_however_pictures_are_dropped() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        link, before = app_of(pilot).link, len(words(pilot))
        for number in range(300):
            run.happen([steal(number)])
            link.read()
        await pilot.pause()
        names = [row.line.name for row in app_of(pilot).run_screen.overview.log_list.rows]
        assert names[:300] == [f"f{number}.faa" for number in reversed(range(300))]
        assert len(names) == 300 + before


async def test_the_log_keeps_the_newest_lines_only_but_counts_all_steals() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.happen(steal(number) for number in range(KEPT_ROWS + 10))
        await look(pilot)
        log = app_of(pilot).run_screen.overview.log_list
        assert len(log.rows) == KEPT_ROWS
        assert log.rows[0].line.name == f"f{KEPT_ROWS + 9}.faa"
        assert "5,013 steals" in str(log.border_title)


async def test_a_cursor_on_top_stays_on_top() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.happen([steal(1)])
        await look(pilot)
        log = app_of(pilot).run_screen.overview.log_list
        assert log.cursor == 0
        assert log.cursor_row is not None
        assert log.cursor_row.line.name == "f1.faa"


async def test_a_cursor_below_the_top_stays_on_its_line() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        log = app_of(pilot).run_screen.overview.log_list
        log.focus()
        await pilot.press("down", "down")
        before = log.cursor_row
        run.happen([steal(1), steal(2)])
        await look(pilot)
        assert log.cursor == 4
        assert log.cursor_row == before


EMPTY = Notice(
    "empty: 4 in 1 file",
    NoticeKind.EMPTY,
    examples=(Example("a.faa", 3, "P1"), Example("a.faa", 9, "P2")),
)


async def test_warnings_are_lines_of_the_log_once_with_their_examples_below() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.happen([WarningEvent(1, 750.0, Notice("unknown card"))])
        await look(pilot)
        run.change(elapsed_seconds=760.0)
        await look(pilot)
        assert words(pilot).count("warning") == 1
        run.happen([WarningEvent(2, 760.0, EMPTY)])
        await look(pilot)
        rows = app_of(pilot).run_screen.overview.log_list.rows
        warnings = [row.line for row in rows if row.line.label is Label.WARNING]
        assert [(line.name, line.reason) for line in warnings] == [
            ("", "empty: 4 in 1 file"),
            ("a.faa", "line 3: P1: empty sequences are left out"),
            ("a.faa", "line 9: P2: empty sequences are left out"),
            ("", "unknown card"),
        ]
        assert len({row.number for row in rows}) == len(rows)


async def test_a_death_is_told_by_a_toast_too() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.happen([DeviceEvent(0, 760.0, "cuda:1", DeviceState.DEAD, "given up [3 restarts]")])
        await look(pilot)
        assert toasts(pilot) == ["cuda:1 is dead\ngiven up [3 restarts]"]


async def test_enter_shows_a_line_with_all_its_words() -> None:
    reason = "14 s sooner, and a long story about why that is so " * 3
    run = fake_run(replace(RUNNING, devices=RUNNING.devices))
    run.happen([with_fields(steal(1), reason=reason.strip())])
    async with shown(run, (80, 24)) as pilot:
        app_of(pilot).run_screen.overview.log_list.focus()
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert " ".join(reason.split()) in " ".join(await framed(pilot))
        assert "No finish times: the speeds were not known yet." in await seen(pilot)
        await pilot.press("escape")
        assert pilot.app.screen is app_of(pilot).run_screen


async def test_a_steal_shows_the_ends_of_both_devices_without_it_and_with_it() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        await pilot.press("4", "end")
        log = app_of(pilot).run_screen.steals.log_list
        for _ in range(len(log.rows)):
            row = log.cursor_row
            if row is not None and row.line.reason == "14 s sooner":
                break
            await pilot.press("up")
        await pilot.press("enter")
        page = await framed(pilot)
        start = page.index("cuda:2 finishes in")
        assert page[start : start + 8] == [
            *("cuda:2 finishes in", "without ~1m 01s", "with ~47s"),
            *("cuda:0 finishes in", "without idle", "with ~12s"),
            *("Both devices finish in", "Gain ~1m 01s → ~47s, ~14s sooner"),
        ]
        assert "Reason 14 s sooner" in page


async def test_a_divided_file_shows_when_each_is_through_with_its_part_and_both_with_the_file() -> (
    None
):
    run = fake_run()
    event = SplitEvent(0, 740.0, 96, "f96", "cuda:0", "cuda:1", 3, 9, "5 s sooner", 9.0, 4.0)
    run.happen([with_fields(event, source_ends=(9.0, 3.5), target_ends=(0.0, 4.0))])
    async with shown(run, (80, 24)) as pilot:
        await pilot.press("4", "enter")
        start = (page := await framed(pilot)).index("cuda:0 finishes its part in")
        assert page[start : start + 8] == [
            *("cuda:0 finishes its part in", "without ~9.0s", "with ~3.5s"),
            *("cuda:1 finishes its part in", "without idle", "with ~4.0s"),
            *("The file finishes in", "Gain ~9.0s → ~4.0s, ~5.0s sooner"),
        ]
        assert "Reason 3 of 9 batches, 5 s sooner" in page


async def test_of_a_decision_without_the_devices_ends_that_of_the_file_is_shown() -> None:
    run = fake_run()
    run.happen([SplitEvent(0, 740.0, 96, "f96", "cuda:0", "cuda:1", 3, 9, "5 s sooner", 9.0, 4.0)])
    async with shown(run, (80, 24)) as pilot:
        await pilot.press("4", "enter")
        page = await framed(pilot)
        start = page.index("The file finishes in")
        assert page[start + 1 : start + 3] == ["without ~9.0s", "with ~4.0s"]


async def test_v_shows_one_kind_of_event_after_the_other() -> None:
    async with shown(fake_run()) as pilot:
        log = app_of(pilot).run_screen.steals.log_list
        await pilot.press("4", "v")
        assert {row.line.label.value for row in log.rows} == {"steal"}
        await pilot.press("v")
        assert {row.line.label.value for row in log.rows} == {"move", "setting", "device"}
        assert "by hand only: 3" in str(log.border_title)


async def test_slash_narrows_the_log_down_and_escape_shows_all_again() -> None:
    async with shown(fake_run()) as pilot:
        log = app_of(pilot).run_screen.steals.log_list
        await pilot.press("4", "slash", *"cuda:1 steal")
        await pilot.pause()
        assert [row.line.name[-8:] for row in log.rows] == ["0520.faa", "0211.faa"]
        await pilot.press("escape")
        await pilot.pause()
        assert log.has_focus
        assert len(log.rows) > 7


async def test_the_matrix_counts_the_steals_of_each_pair() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("4")
        lines = (await seen(pilot)).splitlines()
        head = next(line for line in lines if "from " in line and "given" in line)
        row = next(line for line in lines if line.strip().startswith("cuda:2   "))
        assert row[head.index("cuda:1") : head.index("cuda:1") + 6].strip() == "1"
        assert row.split()[-1] == "2"


async def test_many_devices_make_a_list_of_pairs() -> None:
    run = fake_run(replace(RUNNING, devices=many_devices(64)))
    async with shown(run) as pilot:
        await pilot.press("4")
        assert "1 cuda:2 → cuda:0" in await seen(pilot)
