"""A run that is played again, as a person sees it: playing, paused, and after a seek."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from tests.support.screen import look
from tests.support.snapshots import assert_pictures
from tests.support.told_run import told_run
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.screens.replay_screen import ReplayScreen

STATES = {
    "playing": (),
    "paused": ("space",),
    "at-a-steal": ("n",),
    "after-a-seek": ("space", "full_stop", "full_stop", "5"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run's folder; relative, since pictures show it."""
    monkeypatch.chdir(tmp_path)
    return told_run(Path("embeddings"))


@pytest.mark.parametrize("state", STATES)
async def test_the_replay(snapshot: SnapshotAssertion, folder: Path, state: str) -> None:
    moments = iter([0.0])
    run = ReplayRun(folder, clock=lambda: next(moments, 5.0))

    async def prepare(pilot: Pilot[int]) -> None:
        for key in STATES[state]:
            await pilot.press(key)
        await look(pilot)

    app = BalancerApp(run, poll=False, read_only=True, screen=partial(ReplayScreen, replay=run))
    await assert_pictures(snapshot, app, prepare)
