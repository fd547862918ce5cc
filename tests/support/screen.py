"""The app under a pilot: hand-fed pictures, and waits for states instead of for time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from tests.support.fake_run import FakeRun
from tests.support.pictures import DEVICES, ENDED, QUEUES, RUNNING, UNITS, WORK
from tui_balancer.notices import Notice
from tui_balancer.scheduler.events import WarningEvent
from tui_balancer.ui import poller
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.widgets import file_list
from tui_balancer.view.handle import RunSnapshot

DEADLINE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the screen put nothing off because the machine is slow, and keep what it notifies of."""
    monkeypatch.setattr(poller, "FILES_SHARE", math.inf)
    monkeypatch.setattr(file_list, "_SORT_SHARE", math.inf)
    notify = App.notify

    def notify_for_long(app: App[Any], message: str, **options: Any) -> None:
        notify(app, message, **{**options, "timeout": 3600.0})

    monkeypatch.setattr(App, "notify", notify_for_long)


def fake_run(snapshot: RunSnapshot = RUNNING) -> FakeRun:
    """Return a run with this picture and its warnings, the usual files and the usual events."""
    run = FakeRun(snapshot, dict(QUEUES), UNITS, dict(ENDED))
    run.happen(WORK)
    run.happen(
        WarningEvent(0, snapshot.elapsed_seconds, Notice(text)) for text in snapshot.warnings
    )
    return run


@asynccontextmanager
async def shown(run: FakeRun, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[int]]:
    """Run the app on a run; pictures are taken by `look` alone."""
    app = BalancerApp(run, poll=False)
    async with app.run_test(size=size, notifications=True) as pilot:
        await look(pilot)
        yield pilot
    # Keys and clicks that fail are dropped; a test of theirs has failed.
    assert app.errors == []


def app_of(pilot: Pilot[int]) -> BalancerApp:
    """Return the app, by its own type."""
    assert isinstance(pilot.app, BalancerApp)
    return pilot.app


async def look(pilot: Pilot[int]) -> None:
    """Show what the run is like now: what is always shown, then what the tab has asked for."""
    for _ in range(2):
        app_of(pilot).link.read()
        await settled(pilot)


async def settled(pilot: Pilot[int]) -> None:
    """Wait until the app, its screen and its widgets have dealt with all that was posted.

    A pause alone takes a process that has to wait for a core for an idle one.
    """
    focused = pilot.app.focused
    for pump in (pilot.app, pilot.app.screen, *([focused] if focused else [])):
        dealt_with = asyncio.Event()
        pump.call_later(dealt_with.set)
        await asyncio.wait_for(dealt_with.wait(), DEADLINE_SECONDS)
    await pilot.pause()


async def grow_older(pilot: Pilot[int], run: FakeRun) -> None:
    """Let some seconds go by in which devices embed at a changing pace."""
    for second in range(1, 13):
        devices = tuple(
            replace(
                one,
                residues_done=one.residues_done
                + round((one.residues_per_second or 0.0) * 2 * second * (0.8 + second % 3 / 10)),
            )
            for one in DEVICES
        )
        run.change(elapsed_seconds=RUNNING.elapsed_seconds + 2 * second, devices=devices)
        app_of(pilot).link.read()
        await settled(pilot)


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Let the app work until the condition holds."""

    async def hold() -> None:
        while not condition():
            await pilot.pause()

    await asyncio.wait_for(hold(), DEADLINE_SECONDS)


def toasts(pilot: Pilot[int]) -> list[str]:
    """Return the texts of the toasts on the screen, title and message."""
    return [str(toast.render()) for toast in pilot.app.screen.query(Toast)]


async def seen(pilot: Pilot[int]) -> str:
    """Return what the terminal shows once all is painted, line by line."""
    # What a layout moves is painted after it.
    await settled(pilot)
    await settled(pilot)
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)
