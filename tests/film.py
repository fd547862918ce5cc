"""Takes the README's film: `python -m tests.film [FILE]` steers a real run and keeps what it shows.

Two CPU workers embed made-up proteins with untrained weights. One has been given too much, so the
other steals; a person moves files by hand and pauses a device. Twenty seconds show it all: what a
caption explains plays as it was, the rest faster.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.pilot import Pilot

from tests.screenshots import FOLDER, demo_session, stolen, until
from tests.support.film import Frame, paced, seen_rows, svg, thinned
from tests.support.private_user import private_user
from tui_balancer.run.live.session import RunSession
from tui_balancer.ui.app import BalancerApp
from tui_balancer.view.handle import Phase
from tui_balancer.workers.process.spawning import start_helper

SIZE = (116, 32)
SECONDS = 20.0
PERIOD_SECONDS = 0.25
FRAME_SECONDS = 0.4
KEY_SECONDS = 0.5
TITLE = "A run on two devices: files are stolen, moved by hand, and a device is paused and resumed"


class Camera:
    """Keeps what an app shows, a frame a period.

    Attributes:
        caption: What is said of the frames that come.
    """

    def __init__(self, app: BalancerApp) -> None:
        self.caption = ""
        self.frames: list[Frame] = []
        self._app = app

    async def roll(self) -> None:
        """Take frames until cancelled."""
        while True:
            self.frames.append(Frame(PERIOD_SECONDS, seen_rows(self._app.screen), self.caption))
            await asyncio.sleep(PERIOD_SECONDS)

    @contextmanager
    def saying(self, caption: str) -> Iterator[None]:
        """Say something of what happens inside."""
        self.caption = caption
        yield
        self.caption = ""


async def shoot(session: RunSession) -> list[Frame]:
    """Steer the run to its end; return its frames."""
    app = BalancerApp(session)
    async with app.run_test(size=SIZE) as pilot:
        camera = Camera(app)
        rolling = asyncio.create_task(camera.roll())
        await until(session, lambda seen: stolen(seen) >= 1)
        with camera.saying("cpu:1 has nothing left to do: it steals a file from cpu:0"):
            await asyncio.sleep(2.5)
        await until(session, lambda seen: seen.totals.done >= 6)
        with camera.saying("2 shows all files; t tags some, m moves them by hand"):
            await press(pilot, "2", "t", "down", "t", "m")
            await asyncio.sleep(1.0)
            await press(pilot, "enter")
            await asyncio.sleep(1.0)
        with camera.saying("p pauses a device: the other one takes its files"):
            await press(pilot, "1", "p")
            await until(session, lambda seen: seen.devices[0].state.value == "paused")
            await asyncio.sleep(2.5)
        with camera.saying("p again resumes it"):
            await press(pilot, "p")
            await asyncio.sleep(1.0)
        await until(session, lambda seen: seen.phase is Phase.FINISHED)
        with camera.saying("done: nothing is lost, and the summary says how well it was balanced"):
            await asyncio.sleep(3.0)
        rolling.cancel()
        await pilot.press("q")
    return camera.frames


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys at a person's pace."""
    for key in keys:
        await pilot.press(key)
        await asyncio.sleep(KEY_SECONDS)


@private_user()
def main(picture: Path = FOLDER / "film.svg") -> None:
    """Run the demo and keep its film."""
    picture = picture.absolute()
    start_helper()
    with tempfile.TemporaryDirectory() as work:
        # The film shows paths as a person would have typed them.
        os.chdir(work)
        session = demo_session()
        session.start()
        try:
            frames = thinned(paced(asyncio.run(shoot(session)), SECONDS), FRAME_SECONDS)
            picture.write_text(svg(frames, TITLE), encoding="utf-8")
            print(f"{picture}: {len(frames)} frames, {picture.stat().st_size / 1e6:.1f} MB")
        finally:
            session.close()
            os.chdir("/")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
