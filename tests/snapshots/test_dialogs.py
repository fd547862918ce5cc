"""Every dialog as a person sees it, over the screen from which it is opened, at every size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from tests.support.pictures import BROKEN, RUNNING
from tests.support.screen import fake_run, look
from tests.support.snapshots import Prepare, assert_pictures
from tui_balancer.balance.model import CountSettings
from tui_balancer.ui.app import BalancerApp

BY_COUNT = replace(RUNNING, policy=CountSettings())
DIALOGS = {
    "quit": (RUNNING, ("q",)),
    "move-one": (RUNNING, ("2", "down", "m")),
    "move-tagged": (RUNNING, ("2", "t", "t", "t", "m", "up")),
    "share-running": (RUNNING, ("2", "home", "m")),
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


def app_and_preparation(dialog: str, *, attached: bool = False) -> tuple[BalancerApp, Prepare]:
    seen, keys = DIALOGS[dialog]

    async def prepare(pilot: Pilot[int]) -> None:
        for key in keys:
            await pilot.press(key)
            if key in "12345":
                await look(pilot)

    return BalancerApp(fake_run(seen), poll=False, attached=attached), prepare


@pytest.mark.parametrize("dialog", DIALOGS)
async def test_the_dialog(snapshot: SnapshotAssertion, dialog: str) -> None:
    await assert_pictures(snapshot, *app_and_preparation(dialog))


async def test_leaving_the_run_of_another_process(snapshot: SnapshotAssertion) -> None:
    await assert_pictures(snapshot, *app_and_preparation("quit", attached=True))
