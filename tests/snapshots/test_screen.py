"""The main screen as a person sees it: every state of a run at every size, and without colours.

`pytest tests/snapshots --snapshot-update` accepts what is shown now; look at it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.fake_run import FakeRun
from tests.support.pictures import (
    BROKEN,
    DISK_FULL,
    FINISHED,
    PAUSED,
    RUNNING,
    SCANNING,
    SUMMARY,
    UNTRAINED,
    many_devices,
)
from tests.support.screen import fake_run, grow_older, look
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.themes import CONTRAST

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x50": (200, 50)}
Compare = Callable[..., bool]


def finished() -> FakeRun:
    run = fake_run(FINISHED)
    run.final = SUMMARY
    return run


def failed() -> FakeRun:
    run = fake_run(BROKEN)
    run.ended |= {451: 2, 5: 2}
    return run


RUNS: dict[str, tuple[Callable[[], FakeRun], tuple[str, ...]]] = {
    "scanning": (lambda: FakeRun(SCANNING), ()),
    "running": (lambda: fake_run(RUNNING), ()),
    "untrained": (lambda: fake_run(UNTRAINED), ()),
    "paused-frozen": (lambda: fake_run(PAUSED), ("space",)),
    "dead-device": (failed, ("down",)),
    "disk-full": (lambda: fake_run(DISK_FULL), ()),
    "many-devices": (lambda: fake_run(replace(RUNNING, devices=many_devices(64))), ()),
    "finished": (finished, ()),
    "queues": (lambda: fake_run(RUNNING), ("2", "t", "t")),
    "queues-filtered": (lambda: fake_run(RUNNING), ("2", "slash", "1", "1", "enter", "S")),
    "queues-failed": (failed, ("exclamation_mark",)),
    "steals": (lambda: fake_run(RUNNING), ("3",)),
    "timeline": (lambda: fake_run(RUNNING), ("4",)),
    "timeline-zoomed": (failed, ("4", *["right_square_bracket"] * 3, "down", *["left"] * 20)),
    "logs": (lambda: fake_run(RUNNING), ("5", "down")),
}

SEEN_WIDE = ("running", "dead-device", "finished", "queues", "steals", "timeline", "many-devices")
SEEN_TWICE = (*SEEN_WIDE, "scanning", "queues-failed", "logs")
SEEN_PLAIN = ("running", "dead-device", "queues", "steals", "timeline", "logs")


LOGS = Path(__file__).parents[1] / "data" / "logs"


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


def compare(
    snap_compare: Compare,
    state: str,
    size: tuple[int, int],
    *,
    read_only: bool = False,
    ascii_only: bool = False,
) -> bool:
    make, keys = RUNS[state]
    run = make()
    run.logs = LOGS

    async def prepare(pilot: Pilot[int]) -> None:
        pilot.app.animation_level = "none"
        await look(pilot)
        if state == "running":
            await grow_older(pilot, run)
        for key in keys:
            await pilot.press(key)
            if key in "12345!":
                await look(pilot)
        await look(pilot)

    app = BalancerApp(run, poll=False, read_only=read_only, ascii_only=ascii_only)
    same = snap_compare(app, terminal_size=size, run_before=prepare)
    assert app.return_code == 0, "a broken app leaves a picture too"
    return same


@pytest.mark.parametrize(
    ("state", "size"),
    [
        (state, size)
        for state in RUNS
        for size in SIZES
        if size == "80x24" or state in (SEEN_WIDE if size == "200x50" else SEEN_TWICE)
    ],
)
def test_the_screen(snap_compare: Compare, state: str, size: str) -> None:
    assert compare(snap_compare, state, SIZES[size])


@pytest.mark.parametrize("state", SEEN_PLAIN)
def test_the_screen_without_colours(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert compare(snap_compare, state, SIZES["80x24"])


def test_the_screen_on_a_light_terminal(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORFGBG", "0;15")
    assert compare(snap_compare, "dead-device", SIZES["80x24"])


@pytest.mark.parametrize("state", SEEN_PLAIN)
def test_the_screen_in_ascii(snap_compare: Compare, state: str) -> None:
    assert compare(snap_compare, state, SIZES["80x24"], ascii_only=True)


@pytest.mark.parametrize("state", ["running", "queues"])
def test_a_screen_that_may_not_steer(snap_compare: Compare, state: str) -> None:
    assert compare(snap_compare, state, SIZES["80x24"], read_only=True)


@pytest.mark.parametrize("state", ["dead-device", "timeline"])
def test_the_screen_with_high_contrast(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("TEXTUAL_THEME", CONTRAST.name)
    assert compare(snap_compare, state, SIZES["80x24"])
