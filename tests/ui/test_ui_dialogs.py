"""The dialogs that steer: moving files, the stealing rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.support.pictures import BROKEN, DEVICES, RUNNING
from tests.support.screen import app_of, fake_run, look, seen, settled, shown, toasts, until
from tui_balancer.scheduler.commands import (
    AddFiles,
    MoveUnits,
    Outcome,
    SetPolicy,
    SplitUnit,
    StartDevice,
)
from tui_balancer.scheduler.model import (
    CountSettings,
    DeviceMetrics,
    PolicySettings,
    TimeSettings,
)
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.dialogs.dialog import Dialog
from tui_balancer.ui.dialogs.threshold_dialog import ThresholdDialog
from tui_balancer.ui.screens.help_screen import HelpScreen
from tui_balancer.ui.screens.run_screen import RunScreen

AT_LEAST = "must be a number of at least"


async def open_queues(pilot: Pilot[int], *keys: str) -> None:
    await pilot.press("2")
    await look(pilot)
    await pilot.press(*keys)
    await pilot.pause()


async def test_arrows_choose_another_device() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "m", "up", "k", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((100,), "cuda:1")]


@pytest.mark.parametrize(
    ("devices", "best"),
    [
        (DEVICES, "cuda:3"),
        (DEVICES[:3], "cuda:1"),
        (DEVICES[:1] + DEVICES[2:3], "cuda:2"),
        (BROKEN.devices, "cuda:3"),
        ((DEVICES[0], replace(DEVICES[1], rate=None), DEVICES[3]), "cuda:3"),
    ],
)
async def test_the_device_that_ends_first_is_offered_but_a_paused_one_last(
    devices: tuple[DeviceMetrics, ...], best: str
) -> None:
    async with shown(fake_run(replace(RUNNING, devices=devices))) as pilot:
        await open_queues(pilot, "m")
        offer = pilot.app.screen.query_one(OptionList)
        assert offer.highlighted is not None
        assert offer.get_option_at_index(offer.highlighted).id == best


async def test_what_a_move_would_do_is_shown_before_it_is_done() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        await open_queues(pilot, "a", "m")
        text = await seen(pilot)
        assert "179 tagged files" in text
        await pilot.press("escape")
        view = app_of(pilot).run_screen.queues
        await pilot.press("T")
        view.show_scope("cuda:0")
        await look(pilot)
        await pilot.press("a", "m", "home")
        text = await seen(pilot)
        assert "42 tagged files" in text
        assert "The last device finishes, without steals, in: ~56s → ~51s" in text


async def test_m_moves_the_tagged_files_in_the_order_of_their_tags() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "t", "down", "t", "up", "up", "t", "m")
        assert "3 tagged files" in await seen(pilot)
        await pilot.press("end", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((100, 102, 101), "cuda:3")]


async def test_a_refused_move_keeps_the_tags_and_says_why() -> None:
    run = fake_run()
    run.outcomes = [Outcome(False, "not moved: contigs_0100.faa has started on cuda:0")]
    async with shown(run) as pilot:
        await open_queues(pilot, "t", "m", "enter")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["Refused\nnot moved: contigs_0100.faa has started on cuda:0"]
        assert app_of(pilot).run_screen.queues.files.tagged == (100,)


async def test_a_path_is_added_as_it_is_meant_from_this_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("A")
        await look(pilot)
        await pilot.press("enter")
        assert "Write a path first." in await seen(pilot)
        await pilot.press(*"new/", "asterisk", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [AddFiles((str(tmp_path / "new" / "*"),))]


async def test_a_device_that_the_run_does_not_have_is_started() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("d")
        await look(pilot)
        assert "in the run: cuda:0, cuda:1, cuda:2, cuda:3" in await seen(pilot)
        await pilot.press("enter")
        assert "Write a name first." in await seen(pilot)
        await pilot.press(*"cpu", "colon", "2", "enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [StartDevice("cpu:2")]


async def test_the_move_dialog_shows_what_helps_to_choose() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        await open_queues(pilot, "m")
        text = await seen(pilot)
        assert "marine_virome/contigs_0100.faa: 220 sequences, 61.6k residues" in text
        line = next(one for one in text.splitlines() if "131 waiting" in one)
        assert "cuda:2   ‖ paused" in line
        assert "ETA ~15m 40s → ~15m 43s" in line


async def test_dead_devices_and_the_file_s_own_cannot_be_chosen() -> None:
    async with shown(fake_run(BROKEN)) as pilot:
        await open_queues(pilot, "m")
        options = pilot.app.screen.query_one(OptionList).options
        assert [one.id for one in options if one.disabled] == ["cuda:0", "cuda:1"]


async def test_escape_moves_nothing() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "m", "escape")
        assert isinstance(pilot.app.screen, RunScreen)
        assert run.commands == []


async def test_a_device_can_be_clicked() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "m")
        await pilot.click(OptionList, offset=(4, 1))
        await until(pilot, lambda: run.commands)
        assert run.commands == [MoveUnits((100,), "cuda:1")]


async def test_m_on_a_running_file_asks_who_shares_it() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await open_queues(pilot, "home", "m")
        assert "Share the running file with another device" in await seen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SplitUnit(96, "cuda:3")]


async def test_a_finished_file_is_not_offered_for_a_move() -> None:
    async with shown(fake_run()) as pilot:
        await open_queues(pilot, "end", "m")
        await until(pilot, lambda: toasts(pilot))
        assert toasts(pilot) == ["Nothing to do\nmarine_virome/contigs_1203.faa is not waiting."]


async def test_e_starts_from_the_numbers_in_force() -> None:
    settings = CountSettings(2.5, 4, 5, 2.0)
    async with shown(fake_run(replace(RUNNING, policy=settings))) as pilot:
        await pilot.press("e")
        await pilot.pause()
        values = {one.id: one.value for one in pilot.app.screen.query(Input)}
        assert values == {
            "gain_seconds": "0.1",
            "ratio": "2.5",
            "difference": "4",
            "minimum": "5",
            "interval_seconds": "2",
        }
        assert pilot.app.focused is pilot.app.screen.query_one("#ratio")
        await pilot.press("shift+tab", "space")
        assert "Longest queue over shortest" in await seen(pilot), "the cursor is on it as well"


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
        assert "Longest queue over shortest" in await seen(pilot)
        await pilot.click("#apply")
        await until(pilot, lambda: run.commands)
        assert run.commands == [SetPolicy(CountSettings())]


TIME_MISTAKES = (
    ("gain_seconds", "soon", "“soon” is not a number of seconds."),
    ("gain_seconds", "-1", f"the minimum gain in seconds {AT_LEAST} 0, not -1"),
    ("gain_seconds", "nan", f"the minimum gain in seconds {AT_LEAST} 0, not nan"),
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


class Hasty(Dialog[None]):
    """A dialog that is closed before it is there."""

    def on_mount(self) -> None:
        self.dismiss()
        raise RuntimeError("a fault on the way out")


class Searching(Dialog[None]):
    """A dialog that is closed while it looks for something."""

    def on_mount(self) -> None:
        self.run_worker(self.search())

    async def search(self) -> None:
        self.dismiss()
        raise RuntimeError("a fault on the way out")


@pytest.mark.parametrize("dialog", [Hasty, Searching])
async def test_a_dialog_that_fails_on_its_way_out_leaves_the_screen_alone(
    dialog: type[Dialog[None]],
) -> None:
    app = BalancerApp(fake_run(), poll=False)
    async with app.run_test() as pilot:
        app.push_screen(dialog())
        await until(pilot, lambda: app.errors)
        await settled(pilot)
        assert app.screen is app.run_screen
        assert "a fault on the way out" in str(app.errors[0])
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)


async def test_a_dialog_under_another_one_is_not_answered() -> None:
    async with shown(fake_run()) as pilot:
        app = app_of(pilot)
        answers: list[object] = []
        below, above = Dialog[str](), Dialog[str]()
        await app.push_screen(below, answers.append)
        await app.push_screen(above, answers.append)
        below.dismiss("below")
        above.dismiss("above")
        above.dismiss("again")
        await settled(pilot)
        assert answers == ["above"]
        assert app.screen is below
