"""The dialogs that steer: moving files, the stealing rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input, OptionList, Static

from tests.support.pictures import BROKEN, RUNNING
from tests.support.screen import app_of, fake_run, look, seen, shown, toasts, until
from tui_balancer.balance.commands import MoveUnits, Outcome, SetPolicy
from tui_balancer.balance.model import CountSettings, PolicySettings, TimeSettings
from tui_balancer.ui.dialogs.move_dialog import MoveDialog
from tui_balancer.ui.dialogs.threshold_dialog import ThresholdDialog
from tui_balancer.ui.screens.run_screen import RunScreen

AT_LEAST = "must be a number of at least"


async def test_m_moves_the_file_under_the_cursor_to_the_chosen_device() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("tab", "down", "m", "down", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((101,), "cuda:2")]


async def test_m_moves_the_tagged_files_in_the_order_of_their_tags() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("t", "down", "t", "home", "down", "t", "m")
        assert "3 tagged files" in await seen(pilot)
        await pilot.press("end", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((100, 102, 101), "cuda:3")]


async def test_an_accepted_move_takes_the_tags_away() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("t", "m", "down", "enter")
        await until(pilot, lambda: toasts(pilot))
        assert app_of(pilot).run_screen.queue.tagged == ()


async def test_a_refused_move_keeps_the_tags_and_says_why() -> None:
    run = fake_run()
    run.outcomes = [Outcome(False, "contigs_0100.faa has started on cuda:0: not moved")]
    async with shown(run) as pilot:
        await pilot.press("t", "m", "down", "enter")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["Refused\ncontigs_0100.faa has started on cuda:0: not moved"]
        assert [unit.unit_id for unit in app_of(pilot).run_screen.queue.tagged] == [100]


async def test_tagged_files_of_several_queues_move_together() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("t", "right")
        await look(pilot)
        await pilot.press("t", "m", "home", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((100, 300), "cuda:0")]


async def test_the_move_dialog_shows_what_helps_to_choose() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        await pilot.press("tab", "m")
        text = await seen(pilot)
        assert "marine_virome/contigs_0100.faa: 220 sequences, 61.6k residues" in text
        line = next(one for one in text.splitlines() if "131 waiting" in one)
        assert "cuda:2   ‖ paused" in line
        assert "ends in ~15m 40s" in line


async def test_dead_devices_and_the_file_s_own_cannot_be_chosen() -> None:
    async with shown(fake_run(BROKEN)) as pilot:
        await pilot.press("m")
        await pilot.pause()
        options = pilot.app.screen.query_one(OptionList).options
        assert [one.id for one in options if one.disabled] == ["cuda:0", "cuda:1"]


async def test_escape_moves_nothing() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("m", "escape")
        assert isinstance(pilot.app.screen, RunScreen)
        assert run.commands == []


async def test_a_device_can_be_clicked() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("m")
        await pilot.pause()
        await pilot.click(OptionList, offset=(4, 1))
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((100,), "cuda:1")]


async def test_an_empty_queue_has_nothing_to_move() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("end")
        await look(pilot)
        await pilot.press("m")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["Nothing to move\nNo file waits in this queue."]


async def test_enter_on_a_file_asks_where_it_goes() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("tab", "enter")
        assert isinstance(pilot.app.screen, MoveDialog)


async def test_a_double_click_on_a_file_asks_where_it_goes() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.double_click("#queue", offset=(12, 3))
        await pilot.pause()
        assert isinstance(pilot.app.screen, MoveDialog)


async def test_e_starts_from_the_numbers_in_force() -> None:
    settings = CountSettings(2.5, 4, 5, 2.0)
    async with shown(fake_run(replace(RUNNING, policy=settings))) as pilot:
        await pilot.press("e")
        await pilot.pause()
        values = {one.id: one.value for one in pilot.app.screen.query(Input)}
        assert values == {
            "gain_seconds": "1",
            "ratio": "2.5",
            "difference": "4",
            "minimum": "5",
            "interval_seconds": "2",
        }
        assert pilot.app.focused is pilot.app.screen.query_one("#ratio")


async def enter_number(pilot: object, value: str) -> None:
    press = pilot.press  # type: ignore[attr-defined]
    await press("home", *["delete"] * 8, *value)


async def test_a_new_gain_is_sent() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("e")
        await enter_number(pilot, "2.5")
        await pilot.press("enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SetPolicy(TimeSettings(2.5))]


async def test_all_numbers_of_the_count_rule_are_sent() -> None:
    run = fake_run(replace(RUNNING, policy=CountSettings()))
    async with shown(run) as pilot:
        await pilot.press("e")
        for value in ("1.5", "6", "2", "4"):
            await enter_number(pilot, value)
            await pilot.press("tab")
        await pilot.press("enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SetPolicy(CountSettings(1.5, 6, 2, 4.0))]


async def test_the_policy_can_be_changed() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("e", "shift+tab", "down", "space")
        assert "Longest over shortest queue" in await seen(pilot)
        await pilot.click("#apply")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SetPolicy(CountSettings())]


TIME_MISTAKES = (
    ("gain_seconds", "soon", "“soon” is not a number of seconds."),
    ("gain_seconds", "-1", f"the least gain in seconds {AT_LEAST} 0, not -1"),
    ("gain_seconds", "nan", f"the least gain in seconds {AT_LEAST} 0, not nan"),
)
COUNT_MISTAKES = (
    ("ratio", "0.5", f"the ratio of queue lengths {AT_LEAST} 1, not 0.5"),
    ("difference", "2.5", "“2.5” is not a whole number of files."),
    ("difference", "", "“” is not a whole number of files."),
)


@pytest.mark.parametrize(
    ("policy", "mistakes"), [(TimeSettings(), TIME_MISTAKES), (CountSettings(), COUNT_MISTAKES)]
)
async def test_a_wrong_number_is_told_and_not_sent(
    policy: PolicySettings, mistakes: tuple[tuple[str, str, str], ...]
) -> None:
    run = fake_run(replace(RUNNING, policy=policy))
    async with shown(run, (80, 24)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        problem = pilot.app.screen.query_one("#problem", Static)
        for name, value, complaint in mistakes:
            field = pilot.app.screen.query_one(f"#{name}", Input)
            right = field.value
            field.value = value
            await pilot.press("enter")
            assert complaint in await seen(pilot)
            field.value = right
            await until(pilot, lambda: str(problem.render()) == "")
        assert run.commands == []


async def test_the_dialog_can_be_cancelled_by_key_and_by_button() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("e", "escape")
        assert isinstance(pilot.app.screen, RunScreen)
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ThresholdDialog)
        await pilot.click("#cancel")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunScreen)
        assert run.commands == []
