"""The main screen as a person sees it: every tab and every state of a run, at every size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from tests.support.fake_run import FakeRun
from tests.support.pictures import (
    BROKEN,
    DISK_FULL,
    FINISHED,
    PAUSED,
    PREPARING,
    PROBLEMS,
    RUNNING,
    SCANNING,
    SUMMARY,
    UNTRAINED,
    many_devices,
)
from tests.support.screen import fake_run, grow_older, look
from tests.support.snapshots import PLAIN, SIZES, Prepare, assert_pictures, painted, picture
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.themes import CONTRAST


def finished() -> FakeRun:
    run = fake_run(FINISHED)
    run.final = SUMMARY
    return run


def failed() -> FakeRun:
    run = fake_run(BROKEN)
    run.ended |= {451: 2, 5: 2}
    return run


def with_problems() -> FakeRun:
    run = fake_run(RUNNING)
    run.happen(PROBLEMS)
    totals = replace(RUNNING.totals, done=RUNNING.totals.done - 9, failed=9)
    run.change(totals=totals, warnings=("dna", "torch"))
    return run


RUNS: dict[str, tuple[Callable[[], FakeRun], tuple[str, ...]]] = {
    "preparing": (lambda: FakeRun(PREPARING), ()),
    "scanning": (lambda: FakeRun(SCANNING), ()),
    "queues-empty": (lambda: FakeRun(SCANNING), ("2",)),
    "steals-empty": (lambda: FakeRun(SCANNING), ("4",)),
    "timeline-empty": (lambda: FakeRun(SCANNING), ("5",)),
    "logs-empty": (lambda: FakeRun(SCANNING), ("6",)),
    "running": (lambda: fake_run(RUNNING), ()),
    "untrained": (lambda: fake_run(UNTRAINED), ()),
    "paused": (lambda: fake_run(PAUSED), ()),
    "paused-frozen": (lambda: fake_run(PAUSED), ("space",)),
    "dead-device": (failed, ("down",)),
    "disk-full": (lambda: fake_run(DISK_FULL), ()),
    "many-devices": (lambda: fake_run(replace(RUNNING, devices=many_devices(64))), ()),
    "finished": (finished, ()),
    "queues-finished": (finished, ("2",)),
    "timeline-finished": (finished, ("5",)),
    "queues": (lambda: fake_run(RUNNING), ("2", "t", "t")),
    "queues-filtered": (lambda: fake_run(RUNNING), ("2", "slash", "1", "1", "enter", "S")),
    "queues-typing": (lambda: fake_run(RUNNING), ("2", "slash", "1", "1")),
    "queues-narrowed": (failed, ("2", "slash", *"cuda:1 3", "enter")),
    "queues-failed": (failed, ("2", "shift+tab", "down", "down", "down", "enter")),
    "problems-none": (lambda: FakeRun(SCANNING), ("3",)),
    "problems": (with_problems, ("3",)),
    "problems-unfolded": (with_problems, ("3", "enter", "down", "down")),
    "problem-warning": (with_problems, ("3", "end", "up", "enter")),
    "steals": (lambda: fake_run(RUNNING), ("4",)),
    "timeline": (lambda: fake_run(RUNNING), ("5",)),
    "timeline-zoomed": (failed, ("5", *["right_square_bracket"] * 3, "down", *["left"] * 4)),
    "logs": (lambda: fake_run(RUNNING), ("6", "down")),
}

LOGS = Path(__file__).parents[1] / "data" / "logs"
NARROW = {"80x24": SIZES["80x24"]}
STEERED = ("running", "queues", "problems", "steals", "timeline", "logs", "queues-failed")
"""States in which a screen that may not steer looks different."""
COLOURED = (*STEERED, "dead-device", "finished")
"""States whose colours are looked at: every tab, what is wrong, and the end."""


def app_and_preparation(
    state: str, *, read_only: bool = False, ascii_only: bool = False
) -> tuple[BalancerApp, Prepare]:
    make, keys = RUNS[state]
    run = make()
    if state != "logs-empty":
        run.logs = LOGS

    async def prepare(pilot: Pilot[int]) -> None:
        if state == "running":
            await grow_older(pilot, run)
        for key in keys:
            await pilot.press(key)
            if key in "123456":
                await look(pilot)
        await look(pilot)

    app = BalancerApp(run, poll=False, read_only=read_only, ascii_only=ascii_only)
    return app, prepare


@pytest.mark.parametrize("state", RUNS)
async def test_the_screen(snapshot: SnapshotAssertion, state: str) -> None:
    await assert_pictures(snapshot, *app_and_preparation(state))


@pytest.mark.parametrize("how", PLAIN)
async def test_what_is_asked_for_at_the_start_is_the_filter_of_these_pictures(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    pictures = []
    for asked in (False, True):
        if asked and how == "no-color":
            monkeypatch.setenv("NO_COLOR", "1")
        app, prepare = app_and_preparation("queues", ascii_only=asked and how == "ascii")
        async with app.run_test(size=SIZES["80x24"], notifications=True) as pilot:
            app.animation_level = "none"
            await look(pilot)
            await prepare(pilot)
            await painted(pilot)
            pictures.append(picture(app, None if asked else PLAIN[how]))
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("state", STEERED)
async def test_a_screen_that_may_not_steer(snapshot: SnapshotAssertion, state: str) -> None:
    await assert_pictures(snapshot, *app_and_preparation(state, read_only=True))


@pytest.mark.parametrize("state", COLOURED)
async def test_the_screen_on_a_light_terminal(
    snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("COLORFGBG", "0;15")
    await assert_pictures(snapshot, *app_and_preparation(state), NARROW)


@pytest.mark.parametrize("state", COLOURED)
async def test_the_screen_with_high_contrast(
    snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("TEXTUAL_THEME", CONTRAST.name)
    await assert_pictures(snapshot, *app_and_preparation(state), NARROW)
