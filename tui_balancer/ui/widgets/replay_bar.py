"""The playback bar: speed, time, and a line with the run's steals and failures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.reactive import reactive

from tui_balancer.formatting import duration
from tui_balancer.history.replay.replay_run import Playback
from tui_balancer.ui import glyphs
from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.styles import Line, Tone, fit, line_width


def head(playback: Playback) -> Line:
    """Return the text before the line: state, speed, position."""
    state = f"{glyphs.CURSOR} playing" if playback.playing else "‖ paused"
    moment = f"{duration(playback.position)} / {duration(playback.length)}"
    return [
        (" REPLAY ", "badge"),
        (f"  {state:<9} {playback.speed:g}×  ", "strong"),
        (f"{moment}  ", "plain"),
    ]


def track(
    playback: Playback, steals: Iterable[float], failures: Iterable[float], width: int
) -> Line:
    """Return the run as a line: the part played, the rest, and the marks in both."""
    length = max(playback.length, 1e-9)

    def cell(seconds: float) -> int:
        return min(width - 1, int(seconds / length * width))

    here = cell(playback.position)
    letters = [glyphs.BAR if place < here else glyphs.TRACK for place in range(width)]
    tones: list[Tone] = ["accent" if place < here else "dim" for place in range(width)]
    for moments, sign, tone in (
        (steals, glyphs.STOLEN, "accent"),
        (failures, glyphs.FAILURE, "bad"),
    ):
        for place in set(map(cell, moments)):
            letters[place], tones[place] = sign, tone  # type: ignore[call-overload]
    letters[here], tones[here] = glyphs.MARK, "strong"
    return list(zip(letters, tones, strict=True))


class ReplayBar(Painted):
    """One line; a click goes to that moment.

    Args:
        steals: Moments in seconds since the run started.
        failures: The same for failures.
    """

    playback: reactive[Playback | None] = reactive(None, repaint=False)

    @dataclass
    class Clicked(Message):
        """A moment was clicked, in seconds since the run started."""

        seconds: float

    def __init__(self, steals: tuple[float, ...], failures: tuple[float, ...]) -> None:
        super().__init__(id="replay")
        self._steals = steals
        self._failures = failures

    def watch_playback(self) -> None:
        """Paint it."""
        self.repaint_changes()

    def draw(self, _y: int, width: int) -> Line:
        """Draw the line."""
        if self.playback is None:
            return fit([], width)
        start = head(self.playback)
        room = max(1, width - line_width(start))
        line = [*start, *track(self.playback, self._steals, self._failures, room)]
        return fit(line, width)

    def on_click(self, event: events.Click) -> None:
        """Post which moment was clicked."""
        if self.playback is None:
            return
        start = line_width(head(self.playback))
        place = event.x - self.gutter.left - start
        room = max(1, self.size.width - start)
        if place >= 0:
            self.post_message(self.Clicked((place + 0.5) / room * self.playback.length))
