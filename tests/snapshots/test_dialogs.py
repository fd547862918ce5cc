"""Every dialog as a person sees it, over the screen from which it is opened, at every size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.fake_run import FakeRun
from tests.support.pictures import BROKEN, RUNNING, unit
from tests.support.screen import fake_run, look
from tests.support.snapshots import Prepare, assert_pictures
from tui_balancer.scheduler.events import SplitEvent
from tui_balancer.scheduler.model import CountSettings
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.widgets.filter_bar import FilterBar
from tui_balancer.view.handle import Phase

BY_COUNT = replace(RUNNING, policy=CountSettings())
DIALOGS = {
    "quit": (RUNNING, ("q",)),
    "move-one": (RUNNING, ("2", "down", "m")),
    "move-tagged": (RUNNING, ("2", "t", "t", "t", "m", "up")),
    "move-shown": (RUNNING, ("2", "slash", *"cuda:2 5", "enter", "m")),
    "skip-shown": (RUNNING, ("2", "slash", *"waiting contigs", "enter", "x")),
    "columns-files": (RUNNING, ("2", "c", "space", "right_square_bracket")),
    "columns-devices": (RUNNING, ("c",)),
    "share-running": (RUNNING, ("2", "home", "m")),
    "rule-by-time": (RUNNING, ("e",)),
    "add": (RUNNING, ("A", *"plates/")),
    "add-device": (RUNNING, ("d", *"cpu:2")),
    "rule-by-count": (BY_COUNT, ("e", "tab")),
    "rule-mistaken": (BY_COUNT, ("e", "x", "enter")),
    "help": (RUNNING, ("question_mark",)),
    "event": (RUNNING, ("4", "down", "down", "enter")),
    "steal": (RUNNING, ("4", *["down"] * 6, "enter")),
    "device": (RUNNING, ("enter",)),
    "efficiency": (RUNNING, ("shift+tab", "enter")),
    "dead-device": (BROKEN, ("down", "enter")),
    "file": (RUNNING, ("2", "up", "enter")),
    "why": (RUNNING, ("down", "down", "down", "w")),
    "failed-file": (BROKEN, ("2", "shift+tab", "down", "down", "down", "enter", "enter")),
    "split": (RUNNING, ("4", "enter")),
    "manual": (RUNNING, ("4", "f1")),
    "draining": (replace(RUNNING, phase=Phase.DRAINING), ("q",)),
}
SPLIT = SplitEvent(
    *(0, 750.0, 298, unit(298).name, "cuda:1", "cuda:0", 11, 24, "6.1 s sooner", 15.3, 9.2),
    source_ends=(15.3, 9.2),
    target_ends=(0.0, 8.7),
)
"""The newest event, of which `split` shows the decision."""


def run_of(dialog: str) -> FakeRun:
    run = fake_run(DIALOGS[dialog][0])
    if dialog == "failed-file":
        run.ended[451] = 2
    elif dialog == "split":
        run.happen([SPLIT])
    return run


def app_and_preparation(dialog: str, *, attached: bool = False) -> tuple[BalancerApp, Prepare]:
    _, keys = DIALOGS[dialog]

    async def prepare(pilot: Pilot[int]) -> None:
        for key in keys:
            await pilot.press(key)
            typing = isinstance(pilot.app.focused, FilterBar | Input)
            if key in (*"123456", "w") and not typing:
                await look(pilot)

    return BalancerApp(run_of(dialog), poll=False, attached=attached), prepare


@pytest.mark.parametrize("dialog", DIALOGS)
async def test_the_dialog(
    snapshot: SnapshotAssertion, dialog: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    await assert_pictures(snapshot, *app_and_preparation(dialog))


async def test_leaving_the_run_of_another_process(snapshot: SnapshotAssertion) -> None:
    await assert_pictures(snapshot, *app_and_preparation("quit", attached=True))
