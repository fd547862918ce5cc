"""The replay of a finished run from its ledger."""

from __future__ import annotations

import gc
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tui_balancer.history.finished_run import FilesDone, FinishedRun
from tui_balancer.history.history import read_history
from tui_balancer.history.replay.index import ReplayIndex
from tui_balancer.history.replay.state import ReplayState
from tui_balancer.notices import notice_line
from tui_balancer.process.gc_pause import collector_paused
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.run_folder.shards import shown
from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.event_lines import TRANSFERS, Category, event_line
from tui_balancer.view.handle import Phase, RunSnapshot, RunSummary

Landmark = Literal["steal", "failure"]
"""Landmarks to jump to: steals and moves; failures and deaths."""

SPEEDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True)
class Playback:
    """The position of a replay.

    Attributes:
        position: Seconds since the run started.
        length: Length of the run in seconds.
        speed: Seconds of the run per second.
        playing: Whether it is playing.
    """

    position: float
    length: float
    speed: float
    playing: bool


class ReplayRun:
    """Implements `RunHandle` over a ledger, at a moment that moves on by itself.

    Sessions of the run follow each other without a gap. Values that are not in the ledger (memory,
    sensors) are unknown; progress within a file is drawn as even.

    Args:
        folder: The run folder, as the person wrote it.
        speed: Seconds of the run in a second.
        clock: Seconds, of any beginning.

    Raises:
        UserError: There is no run in the folder, or its ledger cannot be read.
    """

    def __init__(
        self, folder: Path, *, speed: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._speed = speed
        self._playing = True
        self._position = 0.0
        self._since = clock()
        with collector_paused():
            self._history = history = read_history(folder)
            self._units = self._units_now = shown(history.units)
            now = FilesDone()
            self._index = ReplayIndex(history, now)
            alone = len(history.sessions) == 1
            self._end = FinishedRun(
                folder, history, (self._index.run_stats, now) if alone else None
            )
            # All of it stays: garbage collection of it would only delay the screen.
            gc.freeze()
        self._state = self._index.at(0.0)
        told = ((event.seconds, event_line(event)) for event in history.events)
        lines = [(seconds, line) for seconds, line in told if line is not None]
        self._landmarks: dict[Landmark, tuple[float, ...]] = {
            "steal": tuple(seconds for seconds, line in lines if line.label in TRANSFERS),
            "failure": tuple(
                seconds for seconds, line in lines if line.category is Category.FAILURE
            ),
        }

    def playback(self) -> Playback:
        """Return the position of the replay."""
        with self._lock:
            position = self._now()
            return Playback(position, self._history.seconds, self._speed, self._playing)

    def landmarks(self, kind: Landmark) -> tuple[float, ...]:
        """Return the moments one can jump to, in seconds of the run, oldest first."""
        return self._landmarks[kind]

    def toggle(self) -> None:
        """Play or pause; at the end, play from the beginning."""
        with self._lock:
            at_end = self._now() >= self._history.seconds
            self._move_to(0.0 if at_end else self._position)
            self._playing = at_end or not self._playing

    def seek(self, seconds: float) -> None:
        """Go to a moment of the run, and play from there or pause."""
        with self._lock:
            self._now()
            self._move_to(seconds)

    def jump(self, kind: Landmark, *, forward: bool) -> bool:
        """Go to the next landmark or the one before, and pause there; False if there is none."""
        with self._lock:
            now, moments = self._now(), self._landmarks[kind]
            place = bisect_right(moments, now) if forward else bisect_left(moments, now) - 1
            if not 0 <= place < len(moments):
                return False
            self._playing = False
            self._move_to(moments[place])
            return True

    def change_speed(self, *, faster: bool) -> float:
        """Take the next step of `SPEEDS` and return it."""
        with self._lock:
            self._move_to(self._now())
            if faster:
                place = min(bisect_right(SPEEDS, self._speed), len(SPEEDS) - 1)
            else:
                place = max(bisect_left(SPEEDS, self._speed) - 1, 0)
            self._speed = SPEEDS[place]
            return self._speed

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        with self._lock:
            now, state = self._now(), self._at_now()
            end = replace(
                self._end.snapshot(),
                started_at=self._history.sessions[0].record.started_at,
                elapsed_seconds=now,
                last_event=state.last_event,
            )
            if now >= self._history.seconds:
                return end
            devices = state.metrics(self._index.devices, now)
            totals = state.file_places.totals()
            live = [one for one in devices if one.finish_seconds is not None]
            rate = sum(one.rate or 0.0 for one in live)
            running = sum(
                one.running.fraction * one.running.unit.cost for one in devices if one.running
            )
            left = max(0.0, totals.cost - totals.cost_done - running)
            paused = state.paused
            return replace(
                end,
                phase=Phase.LOADING if state.run_stats.first_lease is None else Phase.RUNNING,
                totals=totals,
                paused=paused,
                sequences_per_second=sum(one.sequences_per_second or 0.0 for one in devices),
                residues_per_second=sum(one.residues_per_second or 0.0 for one in devices),
                eta_seconds=left / rate if rate and not paused else None,
                devices=devices,
                warnings=tuple(map(notice_line, state.run_stats.warnings)),
                stop_reason="",
                efficiency=state.run_stats.efficiency(),
            )

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`; what is still to come is not told."""
        with self._lock:
            return self._history.events[sequence : self._at_now().last_event]

    def units(self) -> tuple[Unit, ...]:
        """See `RunHandle.units`."""
        with self._lock:
            known = self._at_now().file_places.files
            if len(self._units_now) != known:
                self._units_now = self._units[:known]
            return self._units_now

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`."""
        with self._lock:
            state = self._at_now()
            if state.last_event == known:
                return None
            return state.file_places.places(state.last_event)

    def log_folder(self) -> Path:
        """See `RunHandle.log_folder`; logs are shown as they were in the end."""
        return self._history.folder / LOGS_FOLDER

    def execute(self, _command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        return Outcome(False, "this is a replay: commands are off")

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`; there is one while the replay is at its end."""
        with self._lock:
            return self._end.summary() if self._now() >= self._history.seconds else None

    def _now(self) -> float:
        """Advance to the current moment and return it."""
        now = self._clock()
        if self._playing:
            self._position += (now - self._since) * self._speed
            if self._position >= self._history.seconds:
                self._position, self._playing = self._history.seconds, False
        self._since = now
        return self._position

    def _move_to(self, seconds: float) -> None:
        self._position = min(max(0.0, seconds), self._history.seconds)

    def _at_now(self) -> ReplayState:
        """Return the state at the current moment."""
        self._state = self._index.at(self._now(), self._state)
        return self._state
