"""The main screen of a replay."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from tui_balancer.history.replay.replay_run import Landmark, ReplayRun
from tui_balancer.ui.keymap import GLOBAL, REPLAY, SECTIONS, Key, bindings
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.poller import RunPoller
from tui_balancer.ui.screens.run_screen import RunScreen
from tui_balancer.ui.widgets.replay_bar import ReplayBar

_REPLACED = {key.keys for key in REPLAY}


class ReplayScreen(RunScreen):
    """The same tabs under a playback bar; commands are off.

    Args:
        link: To the replay.
        replay: The playback controls.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(*REPLAY)
    sections: dict[str, tuple[Key, ...]] = {  # noqa: RUF012
        **SECTIONS,
        "replay": REPLAY,
        "everywhere": tuple(key for key in GLOBAL if not key.steers and key.keys not in _REPLACED),
    }

    def __init__(self, link: RunPoller, replay: ReplayRun) -> None:
        super().__init__(link, read_only=True)
        self.header.read_only = False
        self._replay = replay
        self.bar = ReplayBar(replay.landmarks("steal"), replay.landmarks("failure"))

    def compose(self) -> ComposeResult:
        """Put the playback bar at the top."""
        yield self.bar
        yield from super().compose()

    def receive(self, picture: Picture) -> None:
        """Show a newer picture and its position in the run."""
        super().receive(picture)
        self.bar.playback = self._replay.playback()

    def action_toggle_play(self) -> None:
        """Play or pause."""
        self._replay.toggle()
        self._look()

    def action_seek(self, share: float) -> None:
        """Move back or forward by a share of the run."""
        playback = self._replay.playback()
        self._go_to(playback.position + share * playback.length)

    def action_jump(self, kind: Landmark, forward: bool) -> None:
        """Move to a steal or a failure."""
        if not self._replay.jump(kind, forward=forward):
            side = "after" if forward else "before"
            self.notify(f"There is no {kind} {side} this moment.", title="Nothing found")
        self._look()

    def action_change_speed(self, faster: bool) -> None:
        """Play faster or more slowly."""
        self._replay.change_speed(faster=faster)
        self._look()

    @on(ReplayBar.Clicked)
    def _clicked(self, event: ReplayBar.Clicked) -> None:
        self._go_to(event.seconds)

    def _go_to(self, seconds: float) -> None:
        self._replay.seek(seconds)
        self._look()

    def _look(self) -> None:
        self.bar.playback = self._replay.playback()
        self._link.look()
