"""Activity of each device over time: files, loading, pauses and steals."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tui_balancer.scheduler.events import DeviceEvent, LeaseEvent, SplitEvent, StealEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.run_state import Release, RunView, SpanEnd


class Activity(str, Enum):
    """Activity of a device; the value is its name on the screen."""

    LOADING = "loading"
    WORKING = "working"
    IDLE = "idle"
    PAUSED = "paused"
    DEAD = "dead"
    GONE = "gone"


_ENDS: Final = tuple(SpanEnd)


@dataclass(frozen=True, slots=True)
class Span:
    """A file's time on a device, in seconds since the run began; `end` of a running one is now."""

    unit_id: int
    name: str
    start: float
    end: float
    how: SpanEnd

    @property
    def word(self) -> str:
        """How it ended, as the screen shows it."""
        return "running" if self.how is SpanEnd.OUT else self.how.value


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of time on a device, drawn as one character.

    Attributes:
        activity: The activity that took most of it.
        share: Share of it with a running file, in [0, 1].
        files: Number of files that overlap it.
        span: Its file, or the last of several; None without one.
        order: Number of that file on the device: used to tell neighbours apart.
        failed: Whether a file failed in it.
        steals: Number of files that this device stole in it.
    """

    activity: Activity
    share: float
    files: int
    span: Span | None
    order: int
    failed: bool
    steals: int


class DeviceTrack:
    """History of one device in arrays: 21 bytes per file, plus its name."""

    def __init__(self) -> None:
        self._starts = array("d")
        self._ends = array("d")
        self._units = array("q")
        self._how = array("b")
        # Seconds of work before each span: a stretch of any length costs O(log n).
        self._busy = array("d")
        self._names: list[str] = []
        self._changes: list[tuple[float, Activity]] = []
        self.steals = array("d")
        self._failures = array("d")

    def started(self, seconds: float, unit_id: int, name: str) -> None:
        """Record the start of a file; the previous one may still be written."""
        if self._ends and self._ends[-1] < 0:
            self._ends[-1] = seconds
        busy = self._busy[-1] + self._ends[-1] - self._starts[-1] if self._starts else 0.0
        self._busy.append(busy)
        self._starts.append(seconds)
        self._ends.append(-1.0)
        self._units.append(unit_id)
        self._how.append(_ENDS.index(SpanEnd.OUT))
        self._names.append(name)

    def ended(self, seconds: float, unit_id: int, how: SpanEnd) -> None:
        """Record how a file ended; its span ended already if the next file has started."""
        at = next((at for at in self._latest_indices() if self._units[at] == unit_id), None)
        if at is None:
            return
        if self._ends[at] < 0:
            self._ends[at] = seconds
        self._how[at] = _ENDS.index(how)
        if how is SpanEnd.FAILED:
            self._failures.append(seconds)

    def changed(self, seconds: float, activity: Activity) -> None:
        """Record the device's activity from now on, apart from files."""
        self._changes.append((seconds, activity))

    def span(self, index: int, now: float) -> Span:
        """Return a file's span on this device."""
        end = self._ends[index]
        return Span(
            self._units[index],
            self._names[index],
            self._starts[index],
            now if end < 0 else end,
            _ENDS[self._how[index]],
        )

    def spans_of(self, unit_id: int, now: float) -> list[Span]:
        """Return all spans of a file on this device, oldest first."""
        return [self.span(index, now) for index, one in enumerate(self._units) if one == unit_id]

    def _latest_indices(self) -> range:
        """A worker has at most two running files: one that it computes, one that it writes."""
        last = len(self._units) - 1
        return range(last, max(-1, last - 2), -1)

    def latest(self, count: int, now: float) -> list[Span]:
        """Return the last files, newest first."""
        last = len(self._starts)
        return [self.span(index, now) for index in range(last - 1, max(-1, last - 1 - count), -1)]

    def cell(self, start: float, end: float, now: float) -> Cell:
        """Return the cell of a stretch of time before `now`."""
        after = bisect_left(self._starts, end)
        first = max(0, bisect_right(self._starts, start) - 1)
        if first < after and self.span(first, now).end <= start:
            first += 1
        files = after - first
        share = (self._busy_until(end, now) - self._busy_until(start, now)) / (end - start)
        failed = bisect_left(self._failures, end) > bisect_left(self._failures, start)
        steals = bisect_left(self.steals, end) - bisect_left(self.steals, start)
        span = self.span(after - 1, now) if files else None
        activity = self._activity(end) if share < 0.5 else Activity.WORKING
        return Cell(activity, min(1.0, share), files, span, after - 1, failed, steals)

    def _busy_until(self, moment: float, now: float) -> float:
        index = bisect_right(self._starts, moment) - 1
        if index < 0:
            return 0.0
        end = now if self._ends[index] < 0 else self._ends[index]
        return self._busy[index] + min(moment, end) - self._starts[index]

    def _activity(self, moment: float) -> Activity:
        index = bisect_left(self._changes, (moment,)) - 1
        return self._changes[index][1] if index >= 0 else Activity.GONE


_ACTIVITIES: Final = {
    DeviceState.STARTING: Activity.LOADING,
    DeviceState.IDLE: Activity.IDLE,
    DeviceState.BUSY: Activity.IDLE,
    DeviceState.PAUSED: Activity.PAUSED,
    DeviceState.DRAINED: Activity.GONE,
    DeviceState.DEAD: Activity.DEAD,
    DeviceState.STOPPED: Activity.GONE,
}


class TimelineRecord(RunView):
    """The tracks of all devices.

    Attributes:
        tracks: By device, in the order of their first events.
    """

    def __init__(self) -> None:
        self.tracks: dict[str, DeviceTrack] = {}

    def leased(self, event: LeaseEvent) -> None:
        """See `RunView`."""
        self._track(event.device).started(event.seconds, event.unit_id, event.unit_name)

    def released(self, lease: LeaseEvent, end: Release) -> None:
        """See `RunView`."""
        self._track(lease.device).ended(end.seconds, lease.unit_id, end.how)

    def stolen(self, event: StealEvent) -> None:
        """See `RunView`."""
        self._track(event.target).steals.append(event.seconds)

    def split(self, event: SplitEvent) -> None:
        """See `RunView`."""
        self._track(event.target).steals.append(event.seconds)

    def device_changed(self, event: DeviceEvent) -> None:
        """See `RunView`."""
        self._track(event.device).changed(event.seconds, _ACTIVITIES[event.state])

    def forget(self) -> None:
        """Remove all tracks."""
        self.tracks.clear()

    def history(self, unit_id: int, now: float) -> list[tuple[str, Span]]:
        """Return a file's spans on all devices, oldest first."""
        found = [
            (device, span)
            for device, track in self.tracks.items()
            for span in track.spans_of(unit_id, now)
        ]
        return sorted(found, key=lambda one: one[1].start)

    def _track(self, device: str) -> DeviceTrack:
        return self.tracks.setdefault(device, DeviceTrack())
