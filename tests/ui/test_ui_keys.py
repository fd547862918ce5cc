"""Every key of the main screen: what it asks of the run, what the person hears."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from textual.screen import Screen
from textual.widgets import OptionList

from tests.support.fake_run import FakeRun
from tests.support.pictures import DEVICES, FINISHED, PREPARING, RUNNING, SUMMARY
from tests.support.screen import (
    app_of,
    fake_run,
    look,
    seen,
    settled,
    shown,
    toasts,
    until,
)
from tui_balancer.scheduler.commands import (
    Command,
    Outcome,
    PauseAll,
    PauseDevice,
    ResumeDevice,
    SetPolicy,
    StartDevice,
)
from tui_balancer.scheduler.events import SettingEvent
from tui_balancer.scheduler.model import CountSettings, DeviceState, TimeSettings
from tui_balancer.scheduler.policy.rule_settings import lowered, raised
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.keymap import GLOBAL, KEYS, SECTIONS, SHOWING, TABS
from tui_balancer.ui.screens.help_screen import HelpScreen
from tui_balancer.ui.screens.run_screen import RunScreen


async def commands_after(run: FakeRun, *keys: str, awaited: int = 1) -> list[Command]:
    async with shown(run) as pilot:
        await pilot.press(*keys)
        await until(pilot, lambda: len(run.commands) >= awaited)
        return run.commands


@pytest.mark.parametrize("off", [DeviceState.DRAINED, DeviceState.DEAD])
async def test_capital_d_starts_a_device_without_a_worker(off: DeviceState) -> None:
    first, *others = DEVICES
    run = fake_run(replace(RUNNING, devices=(replace(first, state=off), *others)))
    assert await commands_after(run, "D") == [StartDevice("cuda:0")]


async def test_a_run_without_a_device_says_so() -> None:
    drained = tuple(replace(one, state=DeviceState.DRAINED) for one in DEVICES)
    async with shown(fake_run(replace(RUNNING, devices=drained))) as pilot:
        assert " NO DEVICE " in await seen(pilot)


async def test_the_footer_names_what_p_does_now() -> None:
    async with shown(fake_run()) as pilot:
        assert "p Pause" in await seen(pilot)
        await pilot.press("down", "down")
        assert "p Resume" in await seen(pilot)


@pytest.mark.parametrize("policy", [TimeSettings(), CountSettings()])
async def test_plus_and_minus_step_the_threshold(policy: TimeSettings | CountSettings) -> None:
    run = fake_run(replace(RUNNING, policy=policy))
    assert await commands_after(run, "plus") == [SetPolicy(raised(policy))]
    run = fake_run(replace(RUNNING, policy=policy))
    assert await commands_after(run, "minus") == [SetPolicy(lowered(policy))]


async def test_fast_steps_add_up_before_the_next_picture() -> None:
    commands = await commands_after(fake_run(), "plus", "plus", "equals_sign", awaited=3)
    steps = [raised(RUNNING.policy)]
    steps += [raised(steps[-1])]
    steps += [raised(steps[-1])]
    assert commands == [SetPolicy(step) for step in steps]


async def test_the_last_step_says_so_and_asks_nothing() -> None:
    run = fake_run(replace(RUNNING, policy=TimeSettings(0.0)))
    async with shown(run) as pilot:
        await pilot.press("minus")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["No change\nThe threshold is at its lowest step."]
        assert run.commands == []


@pytest.mark.parametrize(("key", "asked"), [("minus", 0), ("P", 100), ("y", 0)])
async def test_a_key_held_down_leaves_room_on_the_screen(key: str, asked: int) -> None:
    run = fake_run(replace(RUNNING, policy=TimeSettings(0.0)))
    async with shown(run) as pilot:
        await pilot.press(*[key] * 100)
        await until(pilot, lambda: len(run.commands) == asked and toasts(pilot))
        await settled(pilot)
        assert len(toasts(pilot)) == 1


async def test_an_accepted_command_is_told() -> None:
    run = fake_run()
    run.outcomes = [Outcome(True, "cuda:0 is paused after its batch in flight")]
    async with shown(run) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["✓ cuda:0 is paused after its batch in flight"]


async def test_a_refused_command_is_told_with_the_reason() -> None:
    run = fake_run()
    run.outcomes = [Outcome(False, "cuda:0 [card 1] is dead")]
    async with shown(run) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["Refused\ncuda:0 [card 1] is dead"]


async def test_keys_do_nothing_harmful_before_the_first_device() -> None:
    run = FakeRun(replace(RUNNING, devices=()))
    async with shown(run) as pilot:
        await pilot.press("p", "t", "m", "enter", "down", "end")
        await pilot.pause()
        assert run.commands == []
        assert "no devices yet" in await seen(pilot)


async def test_a_run_that_has_not_begun_offers_nothing_that_steers_it() -> None:
    run = FakeRun(PREPARING)
    async with shown(run) as pilot:
        await pilot.press("p", "P", "plus", "e", "u")
        await pilot.pause()
        line = (await seen(pilot)).splitlines()[-1]
        assert run.commands == []
        assert "Pause" not in line
        assert "q Quit" in line


async def test_space_holds_the_picture_and_lets_it_go() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("space")
        run.change(elapsed_seconds=3_600.0)
        await look(pilot)
        assert "FROZEN" in await seen(pilot)
        assert "12m 34s" in await seen(pilot)
        await pilot.press("space")
        assert "FROZEN" not in await seen(pilot)
        assert "1h 00m" in await seen(pilot)


async def test_events_of_a_frozen_time_are_shown_afterwards() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        log = app_of(pilot).run_screen.overview.log_list
        await pilot.press("space")
        before = log.rows
        run.happen([SettingEvent(0, 760.0, "steal if ≥ 2 s saved")])
        await look(pilot)
        assert log.rows == before
        await pilot.press("space")
        assert len(log.rows) == len(before) + 1


async def test_keys_act_on_the_run_as_it_is_while_the_display_is_frozen() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("space")
        run.change(devices=(replace(DEVICES[0], state=DeviceState.PAUSED), *DEVICES[1:]))
        await look(pilot)
        await pilot.press("p")
        await until(pilot, lambda: run.commands)
        assert run.commands == [ResumeDevice("cuda:0")]


async def test_the_files_can_be_looked_at_while_the_display_is_frozen() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("space", "2")
        await look(pilot)
        assert "Files · 1,204 files" in await seen(pilot)


async def test_a_frozen_display_tells_of_the_end() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("space")
        run.current, run.final = FINISHED, SUMMARY
        await look(pilot)
        await until(pilot, lambda: toasts(pilot))
        assert "The run has ended" in toasts(pilot)[0]
        await pilot.press("space")
        assert "1,201 done" in await seen(pilot)


async def test_tab_goes_round_the_panes_of_the_tab() -> None:
    async with shown(fake_run()) as pilot:
        ids = []
        for _ in range(6):
            assert pilot.app.focused is not None
            ids.append(pilot.app.focused.id)
            await pilot.press("tab")
        assert ids == ["devices", "finish", "next", "log", "header", "devices"]
        await pilot.press("shift+tab")
        assert pilot.app.focused is app_of(pilot).run_screen.overview.devices


@pytest.mark.parametrize("tab", TABS)
async def test_every_key_of_a_tab_leads_to_its_action_and_to_no_other(tab: str) -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press(str(TABS.index(tab) + 1))
        await look(pilot)
        led_to = {
            key: active.binding.action for key, active in pilot.app.screen.active_bindings.items()
        }
        pauses = app_of(pilot).run_screen.offered_pauses()
        for key in (*SECTIONS[tab], *SHOWING, *GLOBAL):
            if pauses.get(key.action, True):
                for name in key.keys.split(","):
                    assert led_to[name] in (key.action, "choose"), f"{tab}: {name}"


async def test_numbers_show_the_tabs() -> None:
    async with shown(fake_run()) as pilot:
        for number, tab in enumerate(TABS, 1):
            await pilot.press(str(number))
            screen = app_of(pilot).run_screen
            assert [view.NAME for view in screen.views.values() if view.display] == [tab]
            assert f"[{number} {tab.capitalize()}" in await seen(pilot)
            assert pilot.app.focused is screen.view.home


async def test_a_tab_can_be_clicked() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.click("#tabs", offset=(16, 0))
        assert app_of(pilot).run_screen.tabs.current == "queues"


async def test_only_the_tab_that_is_shown_is_drawn() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        screen = app_of(pilot).run_screen
        drawn: list[str] = []
        for view in screen.views.values():
            view.show = lambda picture, name=view.NAME: drawn.append(name)  # type: ignore[method-assign,misc]
        run.change(elapsed_seconds=760.0)
        await look(pilot)
        assert set(drawn) == {"overview"}


async def test_help_lists_every_key_those_of_the_tab_first() -> None:
    async with shown(fake_run(), (120, 90)) as pilot:
        await pilot.press("5", "question_mark")
        text = await seen(pilot)
        assert isinstance(pilot.app.screen, HelpScreen)
        for one in KEYS:
            assert one.help in text
            assert one.shown in text
        assert text.index("Show more time") < text.index("Tag or untag")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, RunScreen)


async def test_the_palette_offers_every_action_that_makes_sense_now() -> None:
    async with shown(fake_run()) as pilot:
        app = app_of(pilot)
        titles = {
            command.title
            for command in app.get_system_commands(cast(Screen[object], app.run_screen))
        }
        unfit = {
            "Resume the selected device",
            "Resume all devices",
            "Start the selected device again",
        }
        assert {key.help for key in KEYS} - titles == unfit
        assert "Theme" in titles


async def test_the_palette_carries_an_action_out() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("ctrl+p", *"pause all")
        hits = pilot.app.screen.query_one(OptionList)
        await until(
            pilot,
            lambda: hits.option_count and "Pause all" in str(hits.get_option_at_index(0).prompt),
        )
        await pilot.press("down", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [PauseAll()]


async def test_the_palette_goes_to_the_tab_of_its_action() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        app = app_of(pilot)
        commands = {
            one.title: one for one in app.get_system_commands(cast(Screen[object], app.run_screen))
        }
        await commands["Show the whole run"].callback()
        assert app.run_screen.tabs.current == "timeline"


async def test_keys_at_the_bottom_can_be_clicked() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        line = (await seen(pilot)).splitlines()[-1]
        await pilot.click("#keys", offset=(line.index("Pause") + 1, 0))
        await until(pilot, lambda: run.commands)
        assert run.commands == [PauseDevice("cuda:0")]


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("width", [80, 160, 200])
async def test_the_bottom_line_names_what_every_tab_needs(tab: str, width: int) -> None:
    async with shown(fake_run(), (width, 24)) as pilot:
        await pilot.press(str(TABS.index(tab) + 1))
        line = (await seen(pilot)).splitlines()[-1]
        for name in ("p Pause", "? Help", "q Quit"):
            assert name in line
        if tab == "queues":
            assert "m Move" in line


async def test_y_copies_the_row_under_the_cursor() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("2")
        await look(pilot)
        await pilot.press("y")
        assert pilot.app.clipboard.split("\t")[:3] == [
            *("marine_virome/contigs_0100.faa", "○ waiting", "cuda:0")
        ]


async def test_y_copies_a_line_of_the_log_uncut() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        await pilot.press("4", "y")
        assert pilot.app.clipboard.endswith(
            "steal    cuda:2 → cuda:1  marine_virome/contigs_0520.faa: cuda:2 is paused"
        )


async def test_f8_saves_the_screen_as_an_svg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(fake_run()) as pilot:
        await pilot.press("f8")
        await until(pilot, lambda: toasts(pilot))
        (picture,) = tmp_path.glob("*.svg")
        assert "contigs_0096" in picture.read_text()
        assert picture.name in toasts(pilot)[0]


async def test_f8_takes_the_run_folder_where_the_working_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, out = tmp_path / "gone", tmp_path / "out"
    gone.mkdir()
    out.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    run = fake_run()
    run.change(output=str(out))
    async with shown(run) as pilot:
        await pilot.press("f8")
        await until(pilot, lambda: list(out.glob("*.svg")))
        await until(pilot, lambda: any(str(out) in one for one in toasts(pilot)))
        for picture in out.iterdir():
            picture.unlink()
        out.rmdir()
        await pilot.press("f8")
        await until(pilot, lambda: any("No such file" in one for one in toasts(pilot)))


async def test_a_read_only_screen_offers_and_sends_nothing_that_steers() -> None:
    run = fake_run()
    app = BalancerApp(run, attached=True, read_only=True, poll=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await look(pilot)
        await pilot.press("p", "P", "plus", "e", "u", "2")
        await look(pilot)
        await pilot.press("t", "a", "m", "x", "r", "f", "l")
        await pilot.pause()
        line = (await seen(pilot)).splitlines()[-1]
        assert run.commands == []
        assert isinstance(pilot.app.screen, RunScreen)
        assert app.run_screen.queues.files.tagged == ()
        assert "Pause" not in line
        assert "/ Filter" in line


async def test_the_end_takes_the_steering_keys_away() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        run.current, run.final = FINISHED, SUMMARY
        await look(pilot)
        await pilot.press("p", "P", "plus", "minus", "e", "t", "m")
        await pilot.pause()
        assert run.commands == []
        assert isinstance(pilot.app.screen, RunScreen)
        assert "Pause" not in await seen(pilot)


async def test_the_end_brings_the_summary_and_the_keys_to_it() -> None:
    run = fake_run()
    async with shown(run, (120, 50)) as pilot:
        run.current, run.final = FINISHED, SUMMARY
        await look(pilot)
        text = await seen(pilot)
        for part in (
            "1,201 done, ✗ 3 failed",
            "17m 46s",
            "31 steals, 2 moves",
            "results/virome",
            "212 sequences truncated",
            "looks like nucleotides",
            "2 duplicate ids",
            "q leaves",
        ):
            assert part in text
        assert pilot.app.focused is app_of(pilot).run_screen.overview.summary


async def test_a_run_too_short_to_measure_was_not_idle() -> None:
    run = fake_run()
    async with shown(run, (120, 50)) as pilot:
        unmeasured = (replace(one, busy_seconds=0.0) for one in SUMMARY.devices)
        run.current, run.final = FINISHED, replace(SUMMARY, devices=tuple(unmeasured))
        await look(pilot)
        text = await seen(pilot)
        assert ("busy   0%" in text, "busy    –" in text) == (False, True)


async def test_the_screen_survives_every_size_it_is_drawn_to() -> None:
    async with shown(fake_run(), (200, 50)) as pilot:
        for size in ((40, 10), (80, 24), (10, 3), (120, 40), (200, 50)):
            await pilot.resize_terminal(*size)
            assert size == tuple(pilot.app.size)
            if size[0] >= 40:
                assert "cuda:0" in await seen(pilot)
        assert "Hardware" in await seen(pilot)


async def test_a_key_held_down_leaves_one_notification() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("end", *("y",) * 20)
        await settled(pilot)
        assert len(toasts(pilot)) == 1
