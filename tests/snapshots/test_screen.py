"""The main screen as a person sees it: every state of a run at every size, and without colours.

`pytest tests/snapshots --snapshot-update` accepts what is shown now; look at it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable

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
)
from tests.support.screen import fake_run, look
from tui_balancer.ui.app import BalancerApp

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x50": (200, 50)}
SEEN_WIDE = ("running", "dead-device", "finished")
Compare = Callable[..., bool]


def finished() -> FakeRun:
    run = fake_run(FINISHED)
    run.final = SUMMARY
    return run


RUNS: dict[str, tuple[Callable[[], FakeRun], tuple[str, ...]]] = {
    "scanning": (lambda: FakeRun(SCANNING), ()),
    "running": (lambda: fake_run(RUNNING), ()),
    "tagged": (lambda: fake_run(UNTRAINED), ("t", "t")),
    "paused-frozen": (lambda: fake_run(PAUSED), ("space",)),
    "dead-device": (lambda: fake_run(BROKEN), ("down",)),
    "disk-full": (lambda: fake_run(DISK_FULL), ()),
    "finished": (finished, ()),
}


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


def compare(snap_compare: Compare, state: str, size: tuple[int, int]) -> bool:
    make, keys = RUNS[state]

    async def prepare(pilot: Pilot[int]) -> None:
        pilot.app.animation_level = "none"
        await look(pilot)
        await pilot.press(*keys)
        await look(pilot)

    app = BalancerApp(make(), poll=False)
    same = snap_compare(app, terminal_size=size, run_before=prepare)
    assert app.return_code == 0, "a broken app leaves a picture too"
    return same


@pytest.mark.parametrize(
    ("state", "size"),
    [(state, size) for state in RUNS for size in SIZES if size != "200x50" or state in SEEN_WIDE],
)
def test_the_screen(snap_compare: Compare, state: str, size: str) -> None:
    assert compare(snap_compare, state, SIZES[size])


@pytest.mark.parametrize("state", RUNS)
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
