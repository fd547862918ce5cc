"""Every file of the run: which are shown, in which order, what is done with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.fake_run import FakeRun
from tests.support.pictures import BROKEN, DEVICES, ENDED, QUEUES, RUNNING, UNITS, queue, unit
from tests.support.screen import app_of, fake_run, look, seen, settled, shown, toasts, until
from tui_balancer.scheduler.commands import (
    MoveUnits,
    Outcome,
    ReorderUnits,
    RetryUnits,
    SkipUnits,
    SplitUnit,
)
from tui_balancer.scheduler.events import DoneEvent, FailureEvent, SkipEvent, StealEvent
from tui_balancer.scheduler.model import Ended, RunningUnit
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.appearance import Appearance
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog
from tui_balancer.ui.views.queues import QueuesView
from tui_balancer.ui.widgets.file_list import FileList

FAILED = 451


def failing_run() -> FakeRun:
    run = fake_run(BROKEN)
    run.ended[FAILED] = 2
    return run


def view_of(pilot: Pilot[int]) -> QueuesView:
    return app_of(pilot).run_screen.queues


def files_of(pilot: Pilot[int]) -> FileList:
    return view_of(pilot).files


def names(pilot: Pilot[int], count: int) -> list[str]:
    return [row.unit.name[-8:-4] for row in list(files_of(pilot).rows)[:count]]


async def open_queues(pilot: Pilot[int], scope: str = "") -> None:
    await pilot.press("2")
    await look(pilot)
    if scope:
        view_of(pilot).show_scope(scope)
        await look(pilot)


async def test_every_file_is_there_and_the_cursor_on_the_first_that_waits() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        text = await seen(pilot)
        assert "Files · 1,204 files" in text
        line = next(one for one in text.splitlines() if "▸  " in one and "contigs_0100" in one)
        for part in ("○ waiting", "cuda:0", "220", "61.6k", "80.1T", "~29s"):
            assert part in line


async def test_running_files_come_first_then_the_queues_by_their_order() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        assert names(pilot, 4) == ["0096", "0298", "0100", "0101"]


async def test_a_file_s_end_is_that_of_all_before_it_and_of_itself() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot, "cuda:0")
        last = files_of(pilot).rows[-1]
        assert last.ends == pytest.approx(DEVICES[0].finish_seconds)
        first = files_of(pilot).rows[1]
        rate, rest = DEVICES[0].rate, sum(one.cost for one in queue(101, 41))
        assert rate is not None
        assert first.ends == pytest.approx(56.0 - rest / rate)


async def test_scopes_show_a_queue_or_a_state() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("shift+tab", *["down"] * 6)
        await pilot.pause()
        assert "Queue of cuda:1 · 7 files" in await seen(pilot)
        assert names(pilot, 2) == ["0298", "0300"]
        await pilot.press("home", "down", "down")
        await pilot.pause()
        assert "Running files · 2 files" in await seen(pilot)


async def test_enter_on_a_scope_goes_to_its_files() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("shift+tab", "enter")
        assert files_of(pilot).has_focus


async def test_failed_files_are_shown_with_their_reasons() -> None:
    async with shown(failing_run(), (80, 24)) as pilot:
        await open_queues(pilot, "failed")
        text = await seen(pilot)
        assert "Failed files · 1 file" in text
        assert "line 12: no sequence before" in text
        assert "r Retry" in text
        assert "m Move" not in text


async def test_a_finished_file_shows_what_it_took() -> None:
    run = fake_run()
    run.happen([DoneEvent(0, 753.0, 5, unit(5).name, "cuda:1", 1, 75.0)])
    async with shown(run) as pilot:
        await open_queues(pilot, "done")
        row = next(row for row in files_of(pilot).rows if row.unit.unit_id == 5)
        assert (row.took, row.device, row.ends) == (75.0, "cuda:1", None)


async def test_slash_narrows_the_files_down_to_words_in_any_order() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *"30 CONTIGS_1")
        await pilot.pause()
        assert names(pilot, 9) == ["1030", "1130"]
        await pilot.press("enter")
        assert files_of(pilot).has_focus
        assert view_of(pilot).filter_bar.display
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert len(files_of(pilot).rows) == 1_204
        assert not view_of(pilot).filter_bar.display


async def test_letters_in_their_order_do_where_no_name_has_the_words() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *"mvctg1131")
        await pilot.pause()
        assert names(pilot, 9) == ["1131"]
        assert "1 file · like “mvctg1131”" in await seen(pilot)
        await pilot.press(*["backspace"] * 9, *"contigs_1131")
        await pilot.pause()
        assert "1 file · “contigs_1131”" in await seen(pilot)


async def test_a_filter_combines_state_device_and_words_and_says_what_it_understands() -> None:
    run = failing_run()
    run.happen([FailureEvent(0, 750.0, FAILED, unit(FAILED).name, "cuda:1", "too long")])
    async with shown(run, (80, 24)) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *"failed cuda:1 contig")
        text = await seen(pilot)
        assert "1 file · failed · cuda:1 · “contig”" in text
        assert "▸ failed" in text
        assert names(pilot, 2) == ["0451"]
        await pilot.press(*["backspace"] * 8, "0")
        assert "0 files · failed · cuda:0" in await seen(pilot)


async def test_a_filter_by_device_alone_shows_also_what_was_done_there() -> None:
    run = fake_run()
    run.happen([DoneEvent(0, 753.0, 5, unit(5).name, "cuda:1", 1, 75.0)])
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *"cuda:1", "enter")
        await pilot.pause()
        assert names(pilot, 8) == ["0298", *(f"030{place}" for place in range(6)), "0005"]


async def test_a_quoted_word_is_part_of_a_name_whatever_it_is() -> None:
    units = (*UNITS[:100], with_fields(UNITS[100], name="all done.faa"), *UNITS[101:])
    async with shown(FakeRun(RUNNING, dict(QUEUES), units, dict(ENDED))) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *'"done"', "enter")
        await pilot.pause()
        assert [row.unit.name for row in files_of(pilot).rows] == ["all done.faa"]


async def test_a_part_chosen_at_the_left_takes_the_place_of_what_the_filter_said() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *"waiting cuda:1 30", "enter")
        view_of(pilot).scopes.focus()
        await pilot.press("down")
        await pilot.pause()
        assert view_of(pilot).filter_bar.value == "30"
        assert files_of(pilot).choice.devices == ("cuda:2",)
        assert {row.device for row in files_of(pilot).rows} == {"cuda:2"}
        await pilot.press("home")
        await pilot.pause()
        assert (await seen(pilot)).count("“30”") == 1
        assert files_of(pilot).choice.states == ()


async def test_a_device_that_joins_is_known_to_the_filter_that_named_it() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *"cuda:9", "enter")
        assert "“cuda:9”" in await seen(pilot)
        run.queues["cuda:9"] = queue(600, 3)
        run.change(devices=(*DEVICES, replace(DEVICES[3], device="cuda:9")))
        await look(pilot)
        assert "3 files · cuda:9" in await seen(pilot)


async def test_while_a_filter_is_typed_the_bottom_line_names_the_keys_that_do_something() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        await open_queues(pilot)
        before = (await seen(pilot)).splitlines()[-1]
        await pilot.press("slash", "9")
        assert (await seen(pilot)).splitlines()[-1].split() == [
            *("enter", "Keep", "escape", "Show", "all")
        ]
        await pilot.click("#keys", offset=(14, 0))
        await until(pilot, lambda: files_of(pilot).has_focus)
        assert len(files_of(pilot).rows) == 1_204
        assert (await seen(pilot)).splitlines()[-1] == before


async def test_what_is_typed_is_not_hidden_by_what_was_told() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        await open_queues(pilot)
        await pilot.press("y")
        await until(pilot, lambda: toasts(pilot))
        await pilot.press("slash", *"1131")
        assert "1131" in (await seen(pilot)).splitlines()[-2]
        await until(pilot, lambda: not toasts(pilot))


async def test_s_sorts_by_the_next_column_and_capital_s_turns_it_round() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot, "cuda:1")
        await pilot.press("s")
        assert names(pilot, 3) == ["0298", "0300", "0301"]
        await pilot.press("S")
        assert names(pilot, 2) == ["0305", "0304"]
        await pilot.press("s", "s")
        sizes = [row.unit.sequences for row in files_of(pilot).rows]
        assert sizes == sorted(sizes, reverse=True)
        assert "Seqs▾" in await seen(pilot)


async def test_a_click_on_a_heading_sorts_and_a_second_one_turns_it_round() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.click("#files", offset=(6, 1))
        assert files_of(pilot).choice.sort == "file"
        await pilot.click("#files", offset=(6, 1))
        assert files_of(pilot).choice.backwards


async def test_t_tags_the_file_and_goes_on_to_the_next() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("t", "t")
        assert files_of(pilot).tagged == (100, 101)
        assert "2 tagged" in await seen(pilot)


async def test_t_on_a_tagged_file_takes_the_tag_away_and_capital_t_all() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("t", "up", "t")
        assert files_of(pilot).tagged == ()
        await pilot.press("t", "t", "T")
        assert files_of(pilot).tagged == ()
        assert "tagged" not in await seen(pilot)


async def test_a_tags_all_waiting_files_that_are_shown() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot, "cuda:1")
        await pilot.press("a")
        assert files_of(pilot).tagged == (300, 301, 302, 303, 304, 305)


async def test_a_tag_goes_when_the_file_starts_and_stays_when_it_is_stolen() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("t", "t")
        run.queues |= {"cuda:0": queue(102, 40), "cuda:1": (*queue(300, 6), *queue(101, 1))}
        running = replace(DEVICES[0], running=RunningUnit(unit(100), 1, 0.1, 1.0))
        run.change(devices=(running, *DEVICES[1:]))
        run.happen([StealEvent(0, 755.0, 101, "contigs_0101.faa", 9, "cuda:0", "cuda:1", "why")])
        await look(pilot)
        assert files_of(pilot).tagged == (101,)


async def test_a_click_on_the_tag_column_tags_and_one_on_a_name_does_not() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.click("#files", offset=(3, 5))
        assert files_of(pilot).tagged == (101,)
        await pilot.click("#files", offset=(12, 4))
        assert files_of(pilot).tagged == (101,)
        assert files_of(pilot).cursor == 2


async def test_keys_act_on_all_tagged_files_and_take_the_tags_away() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("t", "down", "t", "x")
        await until(pilot, lambda: toasts(pilot))
        assert run.commands == [SkipUnits((100, 102))]
        assert files_of(pilot).tagged == ()


async def test_the_cursor_stays_in_its_place_when_its_file_is_moved_away() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("down", "x")
        await until(pilot, lambda: toasts(pilot))
        place = files_of(pilot).cursor
        run.queues["cuda:0"] = (*queue(100, 1), *queue(102, 40))
        run.ended[101] = 2
        await look(pilot)
        assert files_of(pilot).cursor == place
        row = files_of(pilot).cursor_row
        assert row is not None
        assert row.unit.unit_id == 102


async def test_the_cursor_does_not_follow_a_file_that_starts() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        place = files_of(pilot).cursor
        run.queues["cuda:0"] = queue(101, 41)
        running = replace(DEVICES[0], running=RunningUnit(unit(100), 1, 0.1, 1.0))
        run.change(devices=(running, *DEVICES[1:]))
        run.ended[96] = 1
        await look(pilot)
        row = files_of(pilot).cursor_row
        assert row is not None
        assert (files_of(pilot).cursor, row.unit.unit_id) == (place, 101)


async def test_the_cursor_goes_along_with_a_file_that_is_made_the_last() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "cuda:1")
        await pilot.press("l")
        await until(pilot, lambda: toasts(pilot))
        run.queues["cuda:1"] = (*queue(301, 5), *queue(300, 1))
        await look(pilot)
        row = files_of(pilot).cursor_row
        assert row is not None
        assert (row.unit.unit_id, row.position) == (300, 5)


async def test_a_file_dragged_onto_a_device_is_moved_there() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.mouse_down("#files", offset=(12, 4))
        await pilot.hover("#scopes", offset=(4, 8))
        await pilot.pause()
        assert "1 file → cuda:2: it ends in ~15m 43s then" in await seen(pilot)
        await pilot.mouse_up("#scopes", offset=(4, 8))
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((100,), "cuda:2")]
        assert "it ends in ~15m 43s then" not in await seen(pilot)


async def test_a_file_dropped_beside_the_devices_stays_where_it_is() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.mouse_down("#files", offset=(12, 4))
        await pilot.hover("#files", offset=(12, 9))
        await pilot.pause()
        assert "Drop the file on a device" in await seen(pilot)
        await pilot.mouse_up("#files", offset=(12, 9))
        await pilot.pause()
        assert run.commands == []


async def test_enter_shows_all_about_a_file() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DetailDialog)
        text = await seen(pilot)
        for part in ("cuda:0, place 1 in the queue", "220, 280 residues on average", "80.1 TFLOP"):
            assert part in text


async def test_the_page_of_a_failed_file_tells_its_story() -> None:
    run = failing_run()
    run.happen([FailureEvent(0, 750.0, 5, unit(5).name, "cuda:1", "too long")])
    run.ended[5] = 2
    async with shown(run) as pilot:
        await open_queues(pilot, "failed")
        await pilot.press("home", "enter")
        await pilot.pause()
        text = await seen(pilot)
        assert "✗ failed" in text
        assert "too long" in text
        assert "Events" in text


async def test_skipped_files_are_counted_and_shown_apart_from_failed_ones() -> None:
    run = failing_run()
    totals = replace(BROKEN.totals, failed=1, skipped=1)
    run.change(totals=totals)
    run.happen([SkipEvent(0, 750.0, 5, unit(5).name, "cuda:1", "skipped by hand")])
    run.ended[5] = Ended.SKIPPED
    async with shown(run) as pilot:
        await open_queues(pilot, "skipped")
        await until(pilot, lambda: names(pilot, 2) == ["0005"])
        text = await seen(pilot)
        assert "skipped by hand" in text
        assert "2 Queues −1" in text
        await pilot.press("r")
        await until(pilot, lambda: run.commands == [RetryUnits((5,))])
        await open_queues(pilot, "failed")
        await until(pilot, lambda: names(pilot, 2) == ["0451"])


async def test_an_empty_part_says_so_and_keys_do_nothing_in_it() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "failed")
        await pilot.press("t", "x", "r", "m", "enter", "f", "l")
        await until(pilot, lambda: toasts(pilot))
        assert "no files" in await seen(pilot)
        assert run.commands == []


async def test_keys_move_through_a_hundred_thousand_files() -> None:
    units = queue(0, 100_000)
    run = FakeRun(replace(RUNNING, devices=DEVICES[2:]), {"cuda:2": units}, units)
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("end")
        await pilot.pause()
        assert files_of(pilot).cursor == 99_999
        assert "99999.faa" in await seen(pilot)
        await pilot.press("pageup", "k", "home", "j")
        await pilot.pause()
        assert files_of(pilot).cursor == 1
        await pilot.press("pagedown", "up")
        assert files_of(pilot).cursor > 10
        await pilot.press("g")
        assert files_of(pilot).cursor == 0
        await pilot.press("G")
        assert files_of(pilot).cursor == 99_999


async def test_the_row_under_the_cursor_stays_where_it_is_on_the_screen() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "cuda:2")
        await pilot.press("end", "pageup", "pageup")
        await pilot.pause()
        before = files_of(pilot)
        row, place = before.cursor_row, before.cursor - before.scroll_offset.y
        assert row is not None
        run.queues["cuda:2"] = queue(507, 124)
        for number in range(500, 507):
            run.ended[number] = 1
        await look(pilot)
        after = files_of(pilot).cursor_row
        assert after is not None
        assert after.unit == row.unit
        assert files_of(pilot).cursor - files_of(pilot).scroll_offset.y == place


async def test_typing_in_the_filter_steers_nothing() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("slash", *"pPxq1m")
        await pilot.pause()
        assert isinstance(pilot.app.focused, Input)
        assert pilot.app.focused.value == "pPxq1m"
        assert run.commands == []


@pytest.mark.parametrize(
    ("name", "columns"),
    [("contigs_0001.faa", True), ("GCF_000005845.2_ASM584v2_protein.faa", False)],
)
async def test_counts_give_way_to_names_that_could_not_be_read(name: str, columns: bool) -> None:
    units = (*UNITS[:100], with_fields(UNITS[100], name=name), *UNITS[101:])
    async with shown(FakeRun(RUNNING, dict(QUEUES), units, dict(ENDED)), (100, 30)) as pilot:
        await pilot.press("2")
        await look(pilot)
        text = await seen(pilot)
        assert name in text
        assert ("FLOP" in text, "Device" in text) == (columns, True)


@pytest.mark.parametrize(
    ("key", "message", "undoable", "text"),
    [
        ("f", "a.faa comes first now", True, "✓ a.faa comes first now. Press u to undo."),
        ("x", "a.faa skipped", True, "✓ a.faa skipped. Press u to undo, or r on them later."),
        ("u", "undone: a.faa waits again", False, "✓ undone: a.faa waits again"),
    ],
)
async def test_a_toast_says_what_changed_and_which_key_takes_it_back(
    key: str, message: str, undoable: bool, text: str
) -> None:
    run = fake_run()
    run.outcomes = [Outcome(True, message, undoable)]
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press(key)
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == [text]


async def test_a_toast_names_the_keys_as_the_person_has_them() -> None:
    run = fake_run()
    run.outcomes = [Outcome(True, "a.faa skipped", undoable=True)]
    app = BalancerApp(run, poll=False, look=Appearance(keys={"move.undo": "f9"}))
    async with app.run_test(notifications=True) as pilot:
        await look(pilot)
        await open_queues(pilot)
        await pilot.press("x")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["✓ a.faa skipped. Press f9 to undo, or r on them later."]


SHOWN = tuple(range(300, 306))
"""What `30` leaves of the queue of cuda:1."""


async def filtered(pilot: Pilot[int], text: str) -> None:
    await open_queues(pilot)
    await pilot.press("slash", *text, "enter")
    await settled(pilot)


@pytest.mark.parametrize(
    ("key", "question", "command"),
    [
        ("x", "Skip 6 shown files?", SkipUnits(SHOWN)),
        ("f", "Move 6 shown files to the front?", ReorderUnits(SHOWN, first=True)),
        ("l", "Move 6 shown files to the end?", ReorderUnits(SHOWN, first=False)),
    ],
)
async def test_with_a_filter_keys_act_on_all_shown_files_after_a_question(
    key: str, question: str, command: object
) -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await filtered(pilot, "cuda:1 30")
        await pilot.press(key)
        assert question in await seen(pilot)
        await pilot.press("escape", key, "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [command]


async def test_a_move_of_all_shown_files_says_how_many_they_are() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await filtered(pilot, "cuda:1 30")
        await pilot.press("m")
        assert "6 shown files: " in await seen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits(SHOWN, "cuda:3")]


async def test_only_files_that_a_key_applies_to_are_changed() -> None:
    run = failing_run()
    async with shown(run) as pilot:
        await filtered(pilot, "failed done contigs_04")
        await pilot.press("r")
        await until(pilot, lambda: run.commands)
        await pilot.press("x")
        await until(pilot, lambda: "None of the 100 shown files is waiting." in str(toasts(pilot)))
        assert run.commands == [RetryUnits((FAILED,))]


async def test_one_shown_file_under_the_cursor_needs_no_question_and_another_one_does() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await filtered(pilot, "contigs_0301")
        await pilot.press("x")
        await until(pilot, lambda: run.commands == [SkipUnits((301,))])
        await pilot.press("slash", *["backspace"] * 30, *"running cuda:1 waiting 29", "enter")
        await settled(pilot)
        assert names(pilot, 3) == ["0298"]
    run = fake_run()
    run.queues["cuda:1"] = queue(299, 1)
    async with shown(run) as pilot:
        await filtered(pilot, "cuda:1 29")
        await pilot.press("home", "x")
        assert "Skip 1 shown file?" in await seen(pilot)


async def test_tags_go_before_the_filter_and_need_no_question() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot)
        await pilot.press("t", "t", "slash", *"cuda:1", "enter", "x")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SkipUnits((100, 101))]


async def test_a_running_file_is_shared_where_no_shown_file_waits() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await filtered(pilot, "running cuda:1")
        await pilot.press("m", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SplitUnit(298, "cuda:3")]


async def test_the_bottom_line_says_how_many_files_a_key_changes() -> None:
    async with shown(failing_run(), (160, 40)) as pilot:
        await open_queues(pilot)
        bottom = (await seen(pilot)).splitlines()[-1]
        assert "m Move  f First  l Last  x Skip  /" in bottom
        await pilot.press("a")
        assert "x Skip 179 tagged  /" in (await seen(pilot)).splitlines()[-1]
        await pilot.press("T", "slash", *"cuda:1", "enter")
        bottom = (await seen(pilot)).splitlines()[-1]
        assert "m Move 6 shown  f First 6 shown  l Last 6 shown  x Skip 6 shown  /" in bottom
        await pilot.click("#keys", offset=(bottom.index("x Skip") + 2, 0))
        assert "Skip 6 shown files?" in await seen(pilot)


async def test_a_hundred_thousand_shown_files_are_skipped_in_one_command() -> None:
    units = queue(0, 100_000)
    run = FakeRun(replace(RUNNING, devices=DEVICES[2:]), {"cuda:2": units}, units)
    async with shown(run) as pilot:
        await filtered(pilot, "virome")
        assert "x Skip 100k shown" in (await seen(pilot)).splitlines()[-1]
        await pilot.press("x")
        assert "Skip 100,000 shown files?" in await seen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SkipUnits(tuple(range(100_000)))]
