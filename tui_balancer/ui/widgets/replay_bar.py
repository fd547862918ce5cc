"""Where a replay is: its speed, the time, and the run as a line with its landmarks."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.message import Message
from textual.reactive import reactive

from tui_balancer.formatting import duration
from tui_balancer.history.replay.replay_run import Playback
from tui_balancer.ui import glyphs
from tui_balancer.ui.styles import Line, Tone, fit, line_width
from tui_balancer.ui.widgets.painted import Painted


def head(playback: Playback) -> Line:
    """Return what stands before the line: playing or not, how fast, where."""
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
    """Return the run as a line: what was played, what comes, and the landmarks in both."""
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
        steals: Moments in seconds of the run.
        failures: The same.
    """

    playback: reactive[Playback | None] = reactive(None, repaint=False)

    class Clicked(Message):
        """A person clicked a moment, in seconds of the run."""

        def __init__(self, seconds: float) -> None:
            self.seconds = seconds
            super().__init__()

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
        """Tell which moment was clicked."""
        if self.playback is None:
            return
        start = line_width(head(self.playback))
        place = event.x - self.gutter.left - start
        room = max(1, self.size.width - start)
        if place >= 0:
            self.post_message(self.Clicked((place + 0.5) / room * self.playback.length))
