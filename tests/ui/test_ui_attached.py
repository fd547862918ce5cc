"""The screen of a run that another process carries out: leaving it is not ending it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from tests.support.fake_run import FakeRun
from tests.support.screen import fake_run, look, seen, until
from tui_balancer.scheduler.commands import Drain, StopNow
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.exits import ExitCode


@asynccontextmanager
async def attached(run: FakeRun, *, read_only: bool = False) -> AsyncIterator[Pilot[int]]:
    app = BalancerApp(run, attached=True, read_only=read_only, poll=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await look(pilot)
        yield pilot


@pytest.mark.parametrize("key", ["l", "enter"])
async def test_leaving_sends_nothing_and_closes_the_screen_at_once(key: str) -> None:
    run = fake_run()
    async with attached(run) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert "the run continues" in await seen(pilot)
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == ExitCode.LEFT
    assert run.commands == []


@pytest.mark.parametrize(("key", "command"), [("f", Drain()), ("s", StopNow())])
async def test_the_run_can_still_be_ended_from_there(key: str, command: Drain | StopNow) -> None:
    run = fake_run()
    async with attached(run) as pilot:
        await pilot.press("q", key)
        await until(pilot, lambda: run.commands)
        assert run.commands == [command]
        assert pilot.app.return_code is None


async def test_a_run_of_this_process_cannot_be_left_alone() -> None:
    app = BalancerApp(fake_run(), poll=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await look(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert "the run continues" not in await seen(pilot)
        await pilot.press("l")
        await pilot.pause()
        assert app.return_code is None


async def test_a_screen_that_may_not_steer_says_so_and_leaves_without_a_question() -> None:
    run = fake_run()
    async with attached(run, read_only=True) as pilot:
        assert "READ-ONLY" in await seen(pilot)
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == ExitCode.LEFT
    assert run.commands == []
