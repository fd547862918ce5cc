"""Tracks of the devices as characters, one per stretch of time; the past is drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Final

from tui_balancer.formatting import duration
from tui_balancer.ui import glyphs
from tui_balancer.ui.state.timeline import Activity, Cell, DeviceTrack, TimelineRecord
from tui_balancer.ui.styles import Line, Tone

SETTLED_SECONDS: Final = 1.0
"""Cells older than this do not change any more."""

STEPS: Final = (
    *(0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0),
    *(1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0),
)
"""Possible lengths of a cell in seconds."""

_LABEL_EVERY: Final = 12

_SIGNS: Final[dict[Activity, tuple[str, Tone]]] = {
    Activity.LOADING: (glyphs.LIGHT, "accent"),
    Activity.WORKING: (glyphs.FULL, "even"),
    Activity.IDLE: (glyphs.DOT, "dim"),
    Activity.PAUSED: ("‖", "fair"),
    Activity.DEAD: (glyphs.TRACK, "bad"),
    Activity.GONE: (" ", "dim"),
}

LEGEND: Final[Line] = [
    (glyphs.FULL, "even"),
    (glyphs.DARK, "odd"),
    (" files  ", "dim"),
    (glyphs.MEDIUM, "even"),
    (" with gaps  ", "dim"),
    (glyphs.DOT, "dim"),
    (" idle  ", "dim"),
    (glyphs.LIGHT, "accent"),
    (" loading  ", "dim"),
    ("‖", "fair"),
    (" paused  ", "dim"),
    (glyphs.STOLEN, "accent"),
    (" stolen for it  ", "dim"),
    (glyphs.FAILURE, "bad"),
    (" failed", "dim"),
]


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time in whole cells since the run started.

    Attributes:
        step: Seconds per cell.
        first: Number of the first cell.
        width: Number of cells.
    """

    step: float
    first: int
    width: int


def time_labels(window: Window) -> str:
    """Return the time labels of a window, as many as fit."""
    text = ""
    for place in range(0, window.width, _LABEL_EVERY):
        label = _moment((window.first + place) * window.step)
        text = f"{text:<{place}}{'' if place + len(label) > window.width else label}"
    return text


def fitting_step(seconds: float, width: int) -> float:
    """Return the step at which a length of time fits into this number of cells."""
    return next((step for step in STEPS if seconds <= step * width), STEPS[-1])


def _moment(seconds: float) -> str:
    """Return a time since the run started in short form: `0`, `45s`, `12m`, `1h 20m`."""
    if seconds < 60:
        return f"{seconds:g}s" if seconds else "0"
    return duration(seconds).removesuffix(" 00s").removesuffix(" 00m")


def sign_of(cell: Cell) -> tuple[str, Tone]:
    """Return how a stretch of time is drawn; all cells are distinct without colour."""
    if cell.failed:
        return glyphs.FAILURE, "bad"
    if cell.steals:
        return glyphs.STOLEN, "accent"
    if cell.activity is not Activity.WORKING:
        if cell.share > 0.05 and cell.activity in (Activity.IDLE, Activity.LOADING):
            return glyphs.MEDIUM, "even"
        return _SIGNS[cell.activity]
    # Neighbouring files differ in shade as well as in colour.
    odd = cell.files == 1 and cell.order % 2 == 1
    return (glyphs.DARK, "odd") if odd else (glyphs.FULL, "even")


class TrackLines:
    """Draws the tracks of a timeline."""

    def __init__(self, record: TimelineRecord) -> None:
        self._record = record
        self._settled: dict[str, _Past] = {}

    def line(self, device: str, window: Window, now: float) -> Line:
        """Return a device's characters up to `now`, in seconds since the run started."""
        track = self._record.tracks.get(device)
        if track is None:
            return []
        begin, line = self._past(device, track, window, now)
        for number in range(begin, window.first + window.width):
            if number * window.step >= now:
                break
            _append(line, *_sign(track, window, number, now))
        return line

    def _past(
        self, device: str, track: DeviceTrack, window: Window, now: float
    ) -> tuple[int, Line]:
        """Return the number of the first cell that may still change, and all before it."""
        past = self._settled.get(device)
        if past is None or not past.leads_to(track, window):
            past = self._settled[device] = _Past(track, window, window.first, [])
        past.move_to(window)
        last = min(window.first + window.width, floor((now - SETTLED_SECONDS) / window.step))
        for number in range(past.end, last):
            _append(past.line, *_sign(track, window, number, now))
        past.end = max(past.end, last)
        return past.end, list(past.line)


@dataclass(slots=True)
class _Past:
    """The part of a device's line that no longer changes.

    Attributes:
        track: Track of the device; a different object after a replay has started again.
        window: Window that the line was drawn for.
        end: Number of the first cell after it.
        line: The characters.
    """

    track: DeviceTrack
    window: Window
    end: int
    line: Line

    def leads_to(self, track: DeviceTrack, window: Window) -> bool:
        """Whether another window's line continues this one, without its start."""
        kin = track is self.track and window.step == self.window.step
        fits = self.end <= window.first + window.width
        return kin and fits and self.window.first <= window.first <= self.end

    def move_to(self, window: Window) -> None:
        """Remove the cells before a window."""
        gone, self.window = window.first - self.window.first, window
        while gone:
            text, tone = self.line[0]
            self.line[:1] = [(text[gone:], tone)] if gone < len(text) else []
            gone -= min(gone, len(text))


def _sign(track: DeviceTrack, window: Window, number: int, now: float) -> tuple[str, Tone]:
    start, end = number * window.step, (number + 1) * window.step
    return sign_of(track.cell(start, min(end, now), now))


def _append(line: Line, sign: str, tone: Tone) -> None:
    if line and line[-1][1] == tone:
        line[-1] = (line[-1][0] + sign, tone)
    else:
        line.append((sign, tone))
