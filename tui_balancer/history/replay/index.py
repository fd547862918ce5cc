"""A run folded once from its first event to its last: any moment of it is near a keyframe."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from math import ceil

from tui_balancer.history.history import RunHistory
from tui_balancer.history.replay.state import DeviceHistory, ReplayState
from tui_balancer.view.places import FilePlaces
from tui_balancer.view.run_state import RunState, RunView
from tui_balancer.view.run_stats import RunStats
from tui_balancer.view.spans import Span, SpanRecord

APART = 4096
"""Events between two keyframes."""

KEYFRAMES = 32
"""No more than so many, each of which has six bytes a file; then they are farther apart."""


class ReplayIndex:
    """Finds the state at any moment of a run.

    Args:
        views: What takes in all of it as well.

    Attributes:
        run_stats: The counts at its end.
        devices: Those that took part, in the order in which they were first heard of.
    """

    def __init__(self, history: RunHistory, *views: RunView) -> None:
        self._events = history.events
        self._seconds = array("d", [event.seconds for event in self._events])
        self._apart = max(APART, ceil(len(self._events) / KEYFRAMES))
        self._keyframes: list[ReplayState] = []
        self.run_stats = RunStats()
        record, file_places = SpanRecord(history.seconds), FilePlaces(history.known)
        fold = RunState(self.run_stats, file_places, record, *views)
        fold.expect(history.units)
        state = ReplayState(fold, self.run_stats, file_places)
        for begin in range(0, max(1, len(self._events)), self._apart):
            self._keyframes.append(state.copy())
            fold.apply_all(self._events[begin : begin + self._apart])
        hardware = {one.device: one for session in history.sessions for one in session.devices}
        held: defaultdict[str, list[Span]] = defaultdict(list)
        for span in record.spans:
            held[span.device].append(span)
        self.devices = {
            device: DeviceHistory(held[device], hardware.get(device)) for device in fold.devices
        }

    def at(self, seconds: float, near: ReplayState | None = None) -> ReplayState:
        """Return the state at a moment.

        Args:
            seconds: Of the run.
            near: A state that is not needed any more: it is moved on where that is shorter.
        """
        return self.after(bisect_right(self._seconds, seconds), near)

    def after(self, events: int, near: ReplayState | None = None) -> ReplayState:
        """Return the state after so many events; `near` as above."""
        keyframe = self._keyframes[min(events // self._apart, len(self._keyframes) - 1)]
        if near is None or not keyframe.last_event <= near.last_event <= events:
            near = keyframe.copy()
        near.fold.apply_all(self._events[near.last_event : events])
        return near
