"""The queue of a device: cursor, tags, size."""

from __future__ import annotations

from tests.support.pictures import queue
from tests.support.screen import app_of, fake_run, look, seen, shown
from tui_balancer.balance.events import LeaseEvent, StealEvent
from tui_balancer.balance.model import Unit
from tui_balancer.ui.widgets.queue_list import QueueList


def queue_of(pilot: object) -> QueueList:
    return app_of(pilot).run_screen.queue  # type: ignore[arg-type]


def tagged(pilot: object) -> list[int]:
    return [unit.unit_id for unit in queue_of(pilot).tagged]


async def test_the_next_file_is_on_top_with_its_size() -> None:
    async with shown(fake_run()) as pilot:
        lines = (await seen(pilot)).splitlines()
        first = next(line for line in lines if "contigs_0100.faa" in line)
        assert "220" in first
        assert "61.6k" in first
        assert "~0.5s" in first


async def test_t_tags_the_file_and_goes_on_to_the_next() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("t", "t")
        assert tagged(pilot) == [100, 101]
        assert queue_of(pilot).cursor == 2
        assert queue_of(pilot).has_focus
        assert "2 tagged" in await seen(pilot)


async def test_t_on_a_tagged_file_takes_the_tag_away() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("t", "up", "t")
        assert tagged(pilot) == []


async def test_capital_t_takes_all_tags_away() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("t", "t", "T")
        assert tagged(pilot) == []
        assert "tagged" not in await seen(pilot)


async def test_tags_stay_when_the_queue_moves_up() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("t", "down", "t")
        run.queues["cuda:0"] = queue(101, 41)
        await look(pilot)
        assert tagged(pilot) == [100, 102]
        row = queue_of(pilot).cursor_row
        assert row is not None
        assert row.unit_id == 103


async def test_a_tag_goes_when_the_file_starts() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("t", "t")
        run.happen([LeaseEvent(0, 755.0, 100, "contigs_0100.faa", "cuda:0", 1)])
        await look(pilot)
        assert tagged(pilot) == [101]


async def test_a_tag_stays_when_the_file_is_stolen() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("t")
        run.happen([StealEvent(0, 755.0, 100, "contigs_0100.faa", 9, "cuda:0", "cuda:1", "why")])
        run.queues |= {"cuda:0": queue(101, 41), "cuda:1": (*queue(300, 6), *queue(100, 1))}
        await look(pilot)
        assert tagged(pilot) == [100]


async def test_a_click_on_the_tag_column_tags() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.click("#queue", offset=(3, 4))
        assert tagged(pilot) == [102]


async def test_a_click_on_a_name_moves_the_cursor_only() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.click("#queue", offset=(12, 4))
        assert tagged(pilot) == []
        assert queue_of(pilot).cursor == 2


async def test_a_click_below_the_last_file_does_nothing() -> None:
    run = fake_run()
    run.queues["cuda:0"] = queue(100, 2)
    async with shown(run) as pilot:
        await pilot.click("#queue", offset=(3, 12))
        assert tagged(pilot) == []
        assert queue_of(pilot).cursor == 0


async def test_left_and_right_step_through_the_devices() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("tab", "right")
        await look(pilot)
        assert queue_of(pilot).device == "cuda:1"
        assert queue_of(pilot).has_focus
        await pilot.press("left")
        await look(pilot)
        assert queue_of(pilot).device == "cuda:0"


async def test_another_device_starts_at_the_top_of_its_queue() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("tab", "end", "right")
        await look(pilot)
        assert queue_of(pilot).cursor == 0


async def test_an_empty_queue_says_so_and_tagging_in_it_does_nothing() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("end")
        await look(pilot)
        await pilot.press("t")
        assert "nothing waits for this device" in await seen(pilot)
        assert tagged(pilot) == []


async def test_keys_move_through_a_hundred_thousand_files() -> None:
    run = fake_run()
    run.queues["cuda:0"] = queue(1_000, 100_000)
    async with shown(run) as pilot:
        await pilot.press("tab", "end")
        await pilot.pause()
        assert queue_of(pilot).cursor == 99_999
        assert "0999.faa" in await seen(pilot)
        await pilot.press("pageup", "k", "home", "j")
        await pilot.pause()
        assert queue_of(pilot).cursor == 1
        assert "contigs_1000.faa" in await seen(pilot)


async def test_the_row_under_the_cursor_stays_where_it_is_on_the_screen() -> None:
    run = fake_run()
    run.queues["cuda:0"] = queue(1_000, 500)
    async with shown(run) as pilot:
        await pilot.press("tab", "end", "pageup", "pageup")
        await pilot.pause()
        before = queue_of(pilot)
        row, place = before.cursor_row, before.cursor - before.scroll_offset.y
        run.queues["cuda:0"] = queue(1_007, 493)
        await look(pilot)
        after = queue_of(pilot)
        assert isinstance(row, Unit)
        assert after.cursor_row == row
        assert after.cursor - after.scroll_offset.y == place
