"""Every dialog as a person sees it, over the running screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.support.pictures import BROKEN, RUNNING
from tests.support.screen import fake_run, look
from tui_balancer.balance.model import CountSettings
from tui_balancer.ui.app import BalancerApp

Compare = Callable[..., bool]

BY_COUNT = replace(RUNNING, policy=CountSettings())
DIALOGS = {
    "quit": (RUNNING, ("q",)),
    "move-one": (RUNNING, ("2", "down", "m")),
    "move-tagged": (RUNNING, ("2", "t", "t", "t", "m", "up")),
    "rule-by-time": (RUNNING, ("e",)),
    "rule-by-count": (BY_COUNT, ("e", "tab")),
    "rule-mistaken": (BY_COUNT, ("e", "x", "enter")),
    "help": (RUNNING, ("question_mark",)),
    "event": (RUNNING, ("3", "down", "down", "enter")),
    "steal": (RUNNING, ("3", *["down"] * 6, "enter")),
    "device": (RUNNING, ("enter",)),
    "dead-device": (BROKEN, ("down", "enter")),
    "file": (RUNNING, ("2", "up", "enter")),
}
SEEN_TWICE = ("move-tagged", "rule-by-count", "help", "steal", "device", "file")


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


def compare(snap_compare: Compare, dialog: str, size: tuple[int, int]) -> bool:
    snapshot, keys = DIALOGS[dialog]

    async def prepare(pilot: Pilot[int]) -> None:
        pilot.app.animation_level = "none"
        await look(pilot)
        for key in keys:
            await pilot.press(key)
            if key in "12345":
                await look(pilot)
        await pilot.pause()

    app = BalancerApp(fake_run(snapshot), poll=False)
    same = snap_compare(app, terminal_size=size, run_before=prepare)
    assert app.return_code == 0, "a broken app leaves a picture too"
    return same


@pytest.mark.parametrize("dialog", DIALOGS)
def test_the_dialog(snap_compare: Compare, dialog: str) -> None:
    assert compare(snap_compare, dialog, (80, 24))


@pytest.mark.parametrize("dialog", SEEN_TWICE)
def test_the_dialog_on_a_wider_terminal(snap_compare: Compare, dialog: str) -> None:
    assert compare(snap_compare, dialog, (120, 40))


@pytest.mark.parametrize("dialog", SEEN_TWICE)
def test_the_dialog_without_colours(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, dialog: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert compare(snap_compare, dialog, (80, 24))
