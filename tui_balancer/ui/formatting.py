"""Numbers, durations, sizes and names as a person reads them on the screen."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from rich.cells import cell_len, set_cell_size

from tui_balancer.ui import glyphs

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def duration(seconds: float | None) -> str:
    """Return a duration in its two leading units: `8s`, `4m 09s`, `1h 04m`, `2d 03h`."""
    if seconds is None:
        return glyphs.NONE
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02d}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02d}h"


def estimate(seconds: float | None) -> str:
    """Return a duration that is a guess, marked with `~`: `~0.4s`, `~5m 12s`."""
    if seconds is None:
        return glyphs.NONE
    return f"~{seconds:.1f}s" if 0 < seconds < 9.95 else f"~{duration(seconds)}"


def count(number: int) -> str:
    """Return a whole number with thousands separators: `12,345`."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """Return a whole number in at most five cells: `9,999`, then `12.3k`."""
    return count(number) if number < 10_000 else quantity(number)


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun: `1 file`, `1,204 files`."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def quantity(number: float | None) -> str:
    """Return a quantity in at most three significant digits: `0.52`, `38.2`, `12.3k`, `4.1M`."""
    if number is None:
        return glyphs.NONE
    if 0 < number < 1:
        return f"{number:.2f}"
    for suffix in ("", "k", "M", "G", "T"):
        if number < 9.995:
            digits = 0 if suffix == "" and number == round(number) else 2
            return f"{number:.{digits}f}{suffix}"
        if number < 99.95:
            digits = 0 if suffix == "" and number == round(number) else 1
            return f"{number:.{digits}f}{suffix}"
        if number < 999.5:
            return f"{number:.0f}{suffix}"
        number /= 1000
    return f"{number:.0f}P"


def percent(fraction: float | None) -> str:
    """Return a share as a whole percentage: `97%`; never rounds up to `100%`."""
    if fraction is None:
        return glyphs.NONE
    return f"{100 if fraction >= 1 else min(99, round(fraction * 100))}%"


def memory(used: int | None, total: int | None = None) -> str:
    """Return bytes as GiB, with the total where it is known: `12.3/80.0 GiB`."""
    if used is None:
        return glyphs.NONE
    if total is None:
        return f"{used / 2**30:.1f} GiB"
    return f"{used / 2**30:.1f}/{total / 2**30:.1f} GiB"


def clock_time(unix_seconds: float, now: float, *, seconds: bool = True) -> str:
    """Return a local time: `14:32:10`, or `14:32`, on the day of `now`, else `Fri 14:32`."""
    moment = datetime.fromtimestamp(unix_seconds)
    if moment.date() == datetime.fromtimestamp(now).date():
        return moment.strftime("%H:%M:%S" if seconds else "%H:%M")
    return moment.strftime("%a %H:%M")


def shorten(name: str, width: int) -> str:
    """Return a name in at most `width` cells.

    Folders go first; then it is cut in its middle, since both ends tell files apart.
    """
    if cell_len(name) <= width:
        return name
    folders, _, last = name.rpartition("/")
    if folders:
        shorter = f"{glyphs.ELLIPSIS}/{last}"
        return shorter if cell_len(shorter) <= width else shorten(last, width)
    if width <= 1:
        return glyphs.ELLIPSIS[:width]
    tail_width = (width - 1) // 2
    tail = set_cell_size(name[::-1], tail_width)[::-1]
    head = set_cell_size(name, width - 1 - tail_width)
    return f"{head}{glyphs.ELLIPSIS}{tail}"


def cut(text: str, width: int) -> str:
    """Return a text in at most `width` cells, cut at its end."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + glyphs.ELLIPSIS if width > 1 else "…"[:width]


def bar(fraction: float, width: int) -> tuple[str, str]:
    """Return the filled part and the rest of a bar of `width` cells, in half-cell steps."""
    halves = round(max(0.0, min(1.0, fraction)) * width * 2)
    filled = glyphs.BAR * (halves // 2) + (glyphs.HALF_BAR if halves % 2 else "")
    return filled, glyphs.TRACK * (width - len(filled))
