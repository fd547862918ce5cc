"""`w`: why a device, a file or an event is as it is, in a small dialog that stays up to date."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.fake_run import FakeRun
from tests.support.pictures import DEVICES, RUNNING
from tests.support.screen import app_of, fake_run, look, seen, shown, toasts
from tests.support.told_run import told_run
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.dialogs.why_dialog import WhyDialog
from tui_balancer.ui.screens.replay_screen import ReplayScreen


def answer(pilot: Pilot[int]) -> str:
    """Return the text of the dialog that is open."""
    assert isinstance(pilot.app.screen, WhyDialog)
    return pilot.app.screen.copied


async def ask(pilot: Pilot[int], *keys: str) -> str:
    """Press keys, and return the answer of the dialog that they open."""
    for key in keys:
        await pilot.press(key)
        if key in "1234":
            await look(pilot)
    await look(pilot)
    return answer(pilot)


async def test_a_device_is_explained_and_the_text_is_on_the_screen() -> None:
    async with shown(fake_run()) as pilot:
        text = await ask(pilot, "w")
        assert text.startswith("cuda:0 is busy with marine_virome/contigs_0096.faa: 45% done, ")
        picture = await seen(pilot)
        assert "Why: cuda:0" in picture
        assert "State       busy" in picture
        assert "Why         cuda:0 is busy with marine_virome/contigs_0096.faa: 45% done" in picture
        await pilot.press("escape")
        assert pilot.app.screen is app_of(pilot).run_screen


async def test_the_answer_is_that_of_the_moment() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await ask(pilot, "w")
        held = replace(DEVICES[0], state=DeviceState.PAUSED)
        run.change(devices=(held, *DEVICES[1:]))
        await look(pilot)
        assert answer(pilot).startswith("cuda:0 is paused")
        await pilot.press("y")
        assert pilot.app.clipboard == answer(pilot)


async def test_nothing_is_asked_any_more_once_the_dialog_is_closed() -> None:
    async with shown(fake_run()) as pilot:
        await ask(pilot, "w")
        await pilot.press("escape")
        await look(pilot)
        picture = app_of(pilot).run_screen.run_state.picture
        assert picture is not None
        assert picture.why is None


async def test_before_the_first_answer_the_dialog_waits_for_it() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("w")
        assert "Why         …" in await seen(pilot)
        assert answer(pilot) == "cuda:0"


async def test_the_device_of_a_bar_and_the_event_of_a_line_are_explained() -> None:
    async with shown(fake_run()) as pilot:
        overview = app_of(pilot).run_screen.overview
        overview.finish.focus()
        assert (await ask(pilot, "down", "w")).startswith("cuda:1 is busy")
        await pilot.press("escape")
        overview.log_list.focus()
        row = overview.log_list.cursor_row
        assert row is not None
        assert row.line.reason in await ask(pilot, "w")


async def test_a_file_is_explained_and_in_the_list_of_queues_a_device() -> None:
    async with shown(fake_run()) as pilot:
        text = await ask(pilot, "2", "home", "w")
        assert " runs" in text
        await pilot.press("escape")
        queues = app_of(pilot).run_screen.queues
        queues.scopes.focus()
        queues.scopes.select("cuda:2")
        assert (await ask(pilot, "w")).startswith("cuda:2 has been paused")


async def test_a_waiting_file_says_its_place() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("2")
        await look(pilot)
        queues = app_of(pilot).run_screen.queues
        queues.show_scope("cuda:0")
        text = await ask(pilot, "down", "w")
        name = "marine_virome/contigs_0101.faa"
        assert text.startswith(f"{name} waits: it is 2nd in the queue of cuda:0 and starts in ~")


async def test_a_steal_is_explained_with_what_it_saved() -> None:
    async with shown(fake_run()) as pilot:
        text = await ask(pilot, "4", "v", "w")
        assert " was stolen from cuda:2 by cuda:1 at 09:05:33: cuda:2 is paused. " in text
        await pilot.press("escape")
        sooner = await ask(pilot, "down", "w")
        assert ", by finish times: both would end 3.1 s sooner. " in sooner


async def test_in_the_timeline_the_file_at_the_cursor_is_explained_or_the_device() -> None:
    async with shown(fake_run()) as pilot:
        text = await ask(pilot, "5", "w")
        timeline = app_of(pilot).run_screen.timeline
        cell = timeline.gantt.cell_here()
        assert cell is not None
        name = cell.span.name if cell.span is not None else timeline.gantt.cursor_row
        assert name is not None
        assert text.startswith(name)
        await pilot.press("escape")
        timeline.gantt.cursor = 3
        assert (await ask(pilot, "w")).startswith("cuda:3 has been idle")


async def test_without_a_device_there_is_nothing_to_explain() -> None:
    async with shown(FakeRun(replace(RUNNING, devices=()))) as pilot:
        await pilot.press("w")
        assert toasts(pilot) == ["No device\nSelect a device first."]


@pytest.mark.parametrize(("moment", "state"), [(4.0, "is busy"), (10.3, "has been starting")])
async def test_a_replay_explains_the_moment_that_it_shows(
    tmp_path: Path, moment: float, state: str
) -> None:
    run = ReplayRun(told_run(tmp_path), speed=1.0, clock=lambda: 0.0)
    run.toggle()
    run.seek(14.5)
    app = BalancerApp(run, poll=False, read_only=True, screen=partial(ReplayScreen, replay=run))
    async with app.run_test(size=(120, 40)) as pilot:
        await look(pilot)
        run.seek(moment)
        await look(pilot)
        await pilot.press("down")
        assert (await ask(pilot, "w")).startswith(f"cpu:1 {state}")
