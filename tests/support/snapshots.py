"""Pictures of the screen to be compared with accepted ones: text that a terminal shows in colour.

`cat` shows one, `git diff` says what changed, and `pytest tests/snapshots --snapshot-update`
accepts what is shown now; look at it first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from rich.console import Console
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.color import Color
from textual.filter import LineFilter, Monochrome
from textual.pilot import Pilot

from tests.support.screen import DEADLINE_SECONDS, look, settled
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.ascii_filter import AsciiFilter

SIZES: Mapping[str, tuple[int, int]] = {
    "80x24": (80, 24),
    "120x40": (120, 40),
    "200x50": (200, 50),
}

PLAIN: Mapping[str, LineFilter] = {"no-color": Monochrome(), "ascii": AsciiFilter()}

Prepare = Callable[[Pilot[int]], Awaitable[None]]


class AnsiExtension(SingleFileSnapshotExtension):
    """One file a picture."""

    _write_mode = WriteMode.TEXT
    _file_extension = "ansi"


async def assert_pictures(
    snapshot: SnapshotAssertion,
    app: BalancerApp,
    prepare: Prepare,
    sizes: Mapping[str, tuple[int, int]] = SIZES,
) -> None:
    """Start an app once and compare what it shows on terminals of these sizes, small ones first.

    On the smallest also as it would be drawn under NO_COLOR and with --ascii: both are filters
    over the same lines.
    """
    accepted = snapshot.use_extension(AnsiExtension)
    first, *others = sizes.items()
    async with app.run_test(size=first[1], notifications=True) as pilot:
        app.animation_level = "none"
        await look(pilot)
        await prepare(pilot)
        await painted(pilot)
        assert picture(app) == accepted(name=first[0])
        for name, line_filter in PLAIN.items():
            assert picture(app, line_filter) == accepted(name=name)
        for name, size in others:
            await pilot.resize_terminal(*size)
            await painted(pilot)
            assert picture(app) == accepted(name=name)
    assert app.return_code in (0, None), "a broken app leaves a picture too"


async def painted(pilot: Pilot[int]) -> None:
    """Wait until all that was asked for is on the screen, also what a refresh asks for."""
    for _ in range(2):
        await settled(pilot)
        refreshed = asyncio.Event()
        pilot.app.screen.call_after_refresh(refreshed.set)
        await asyncio.wait_for(refreshed.wait(), DEADLINE_SECONDS)
    await settled(pilot)


def picture(app: BalancerApp, line_filter: LineFilter | None = None) -> str:
    """Return what the screen shows, line by line, with its colours as escape sequences."""
    console = Console(force_terminal=True, color_system="truecolor", legacy_windows=False)
    strips = app.screen._compositor.render_strips()
    if line_filter is not None:
        strips = [strip.apply_filter(line_filter, Color(0, 0, 0)) for strip in strips]
    return "".join(f"{strip.simplify().render(console)}\n" for strip in strips)
