"""A finished run on the screen again: the keys that move through its time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.commands import tui_balancer_here
from tests.support.screen import app_of, look, seen, toasts, until
from tests.support.told_run import NAMES, A, told_run
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.keymap import REPLAY
from tui_balancer.ui.screens.help_screen import HelpScreen
from tui_balancer.ui.screens.replay_screen import ReplayScreen


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told_run(tmp_path_factory.mktemp("told"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def run(folder: Path, clock: Clock) -> ReplayRun:
    replay = ReplayRun(folder, speed=1.0, clock=clock)
    replay.seek(4.0)
    replay.toggle()
    return replay


@asynccontextmanager
async def replayed(run: ReplayRun, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[int]]:
    app = BalancerApp(run, read_only=True, poll=False, screen=partial(ReplayScreen, replay=run))
    async with app.run_test(size=size, notifications=True) as pilot:
        await look(pilot)
        yield pilot


async def test_space_plays_and_pauses(run: ReplayRun, clock: Clock) -> None:
    async with replayed(run) as pilot:
        assert "REPLAY" in await seen(pilot)
        assert "‖ paused" in await seen(pilot)
        await pilot.press("space")
        assert "▸ playing" in await seen(pilot)
        clock.now += 4.5
        await look(pilot)
        assert "8s / 20s" in await seen(pilot)
        await pilot.press("space")
        assert not run.playback().playing


async def test_a_jump_without_a_landmark_says_so_and_stays(run: ReplayRun) -> None:
    async with replayed(run) as pilot:
        await pilot.press("N")
        await pilot.pause()
        assert any("no steal before" in text for text in toasts(pilot))
        assert run.playback().position == 4.0


async def test_a_click_on_the_line_goes_there(run: ReplayRun) -> None:
    async with replayed(run) as pilot:
        await pilot.click("#replay", offset=(118, 0))
        assert run.playback().position > 19.0


async def test_going_back_the_screen_forgets_what_has_not_happened_yet(run: ReplayRun) -> None:
    async with replayed(run) as pilot:
        run_state = app_of(pilot).run_screen.run_state
        run.seek(15.0)
        await look(pilot)
        assert run_state.events.steals.total() == 1
        assert len(run_state.timeline.tracks["cpu:0"].latest(9, 15.0)) == 4
        run.seek(4.0)
        await look(pilot)
        assert run_state.events.steals.total() == 0
        assert [span.name for span in run_state.timeline.tracks["cpu:0"].latest(9, 4.0)] == [
            NAMES[A]
        ]
        assert run_state.snapshot is not None
        assert run_state.snapshot.totals.done == 0


async def test_from_the_end_one_can_go_back_to_the_devices(run: ReplayRun) -> None:
    async with replayed(run) as pilot:
        run.seek(99.0)
        await look(pilot)
        overview = app_of(pilot).run_screen.overview
        await until(pilot, lambda: overview.summary.has_focus)
        await pilot.press("backspace")
        await look(pilot)
        assert not overview.has_class("-finished")
        assert overview.devices.has_focus


async def test_the_queues_are_those_of_the_moment(run: ReplayRun) -> None:
    async with replayed(run) as pilot:
        await pilot.press("2")
        await look(pilot)
        assert "c.faa" in await seen(pilot)
        run.seek(19.0)
        await look(pilot)
        run.seek(4.0)
        await look(pilot)
        files = app_of(pilot).run_screen.run_state.picture
        assert files is not None
        assert files.files is not None
        assert list(files.files.state) == [0, 0, 1, 1, 2, 1]


async def test_no_key_is_offered_that_steers(run: ReplayRun) -> None:
    async with replayed(run) as pilot:
        text = await seen(pilot)
        assert "space Play" in text
        assert "Pause" not in text
        assert "Freeze" not in text


async def test_the_help_explains_the_keys_of_the_replay(run: ReplayRun) -> None:
    async with replayed(run, (120, 90)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        text = await seen(pilot)
        assert all(key.help in text for key in REPLAY)
        assert "Raise the threshold" not in text


async def test_quitting_asks_nothing(run: ReplayRun) -> None:
    async with replayed(run) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == ExitCode.LEFT


async def test_a_narrow_screen_shows_the_line_too(run: ReplayRun) -> None:
    async with replayed(run, (80, 24)) as pilot:
        text = await seen(pilot)
        assert "4s / 20s" in text
        assert "◆" in text.splitlines()[0]


def test_without_a_terminal_replay_names_the_report(folder: Path) -> None:
    result = tui_balancer_here("replay", folder)
    assert result.returncode == 2
    assert "`tui-balancer report`" in result.stderr


@pytest.mark.parametrize("speed", ["0", "-1"])
def test_a_speed_that_is_none_is_refused(folder: Path, speed: str) -> None:
    result = tui_balancer_here("replay", folder, "--speed", speed)
    assert result.returncode == 2
    assert "--speed must be a number more than 0" in result.stderr
