"""Takes the README's pictures: `python -m tests.screenshots` runs the demo for real.

Two CPU workers embed made-up proteins with untrained weights while a pilot presses the keys
that a person would; every picture is what the screen showed at that moment. `--only report` takes
that picture alone, `--only replay` likewise, and `--only screen` those of the run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.pilot import Pilot

from tests.browser import BrowserMissing, take_picture
from tests.support.private_user import private_user
from tui_balancer.history.history import read_history
from tui_balancer.history.page.embedding_map import embedding_map
from tui_balancer.history.page.html import page
from tui_balancer.history.replay.replay_run import ReplayRun
from tui_balancer.history.run_report import account_of
from tui_balancer.history.vector_sample import sample_vectors
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.settings import DeviceSettings, RunSettings
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.screens.replay_screen import ReplayScreen
from tui_balancer.view.handle import Phase, RunSnapshot
from tui_balancer.workers.process.spawning import start_helper

FOLDER = Path(__file__).parents[1] / "screenshots"
PICTURES = ("screen", "replay", "report")
WIDE, NARROW = (120, 34), (80, 24)


def demo_session() -> RunSession:
    """Return a run on uneven files, whose weights are wrong enough to see steals early."""
    write_synthetic(Path("proteins"), files=36, sequences=4000, seed=7)
    settings = RunSettings(
        inputs=("proteins",),
        output=Path("embeddings"),
        model="untrained:esm2_t6_8M_UR50D",
        devices=DeviceSettings("cpu", cpu_workers=2, cpu_threads=1, weights="3,1"),
    )
    return RunSession(prepare(settings))


async def take(session: RunSession, folder: Path) -> None:
    """Press keys at the moments worth a picture."""
    app = BalancerApp(session)
    async with app.run_test(size=WIDE) as pilot:

        async def picture(name: str) -> None:
            await asyncio.sleep(0.8)
            app.save_screenshot(f"{name}.svg", str(folder))
            print(folder / f"{name}.svg", flush=True)

        await until(session, lambda seen: seen.totals.done >= 8 and stolen(seen) >= 2)
        await picture("running")
        await keys(pilot, "p")
        await until(session, lambda seen: seen.devices[0].state.value == "paused")
        await pilot.resize_terminal(*NARROW)
        await picture("narrow")
        await pilot.resize_terminal(*WIDE)
        await keys(pilot, "p", "2", "t", "down", "t", "m")
        await picture("move")
        await keys(pilot, "escape", "T", "5")
        await picture("timeline")
        await keys(pilot, "e")
        await picture("threshold")
        await keys(pilot, "escape", "1")
        await until(session, lambda seen: seen.phase is Phase.FINISHED)
        await picture("finished")
        await keys(pilot, "q")


async def replay(folder: Path) -> None:
    """Play the finished run again, up to its third steal."""
    run = ReplayRun(Path("embeddings"))
    app = BalancerApp(run, read_only=True, screen=partial(ReplayScreen, replay=run))
    async with app.run_test(size=WIDE) as pilot:
        await keys(pilot, "n", "n", "n")
        await asyncio.sleep(0.8)
        app.save_screenshot("replay.svg", str(folder))
        print(folder / "replay.svg", flush=True)


def report(folder: Path) -> None:
    """Open the run's report in a headless Chromium; without one, say so."""
    written = Path("report.html")
    history = read_history(Path("embeddings"))
    embeddings = embedding_map(sample_vectors(history.folder, history.files))
    written.write_text(page(account_of(history), embeddings), encoding="utf-8")
    try:
        take_picture(written, folder / "report.png")
    except BrowserMissing as missing:
        print(f"report.png stays as it is: {missing}", file=sys.stderr)
    else:
        print(folder / "report.png", flush=True)


async def keys(pilot: Pilot[int], *names: str) -> None:
    """Press keys at a person's pace, so that every dialog is there before the next key."""
    for name in names:
        await pilot.press(name)
        await asyncio.sleep(0.5)


async def until(session: RunSession, reached: Callable[[RunSnapshot], bool]) -> None:
    """Let the run go on until a snapshot looks like that."""
    while not reached(seen := session.snapshot()):
        if seen.phase is Phase.FINISHED:
            raise RuntimeError("the run was over before its picture could be taken")
        await asyncio.sleep(0.2)


def stolen(seen: RunSnapshot) -> int:
    """Return the files stolen so far."""
    return sum(device.stolen_to for device in seen.devices)


@private_user()
def main() -> None:
    """Run the demo and keep its pictures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--only", choices=PICTURES, help="what to take; all by default")
    arguments.add_argument("--to", type=Path, default=FOLDER, help="the folder to keep them in")
    given = arguments.parse_args()
    wanted, folder = [given.only] if given.only else PICTURES, given.to.absolute()
    start_helper()
    with tempfile.TemporaryDirectory() as work:
        # The pictures show paths as a person would have typed them.
        os.chdir(work)
        session = demo_session()
        session.start()
        try:
            if "screen" in wanted:
                asyncio.run(take(session, folder))
            session.wait()
            if "replay" in wanted:
                asyncio.run(replay(folder))
            if "report" in wanted:
                report(folder)
        finally:
            session.close()
            os.chdir("/")


if __name__ == "__main__":
    main()
