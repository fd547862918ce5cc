"""Numbers, durations and sizes as a person reads them, on the screen and in plain lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

NONE: Final = "–"
"""What stands where nothing is known."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def duration(seconds: float | None) -> str:
    """Return a duration in its two leading units: `8s`, `4m 09s`, `1h 04m`, `2d 03h`."""
    if seconds is None:
        return NONE
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02d}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02d}h"


def estimate(seconds: float | None) -> str:
    """Return a duration that is a guess, marked with `~`."""
    return NONE if seconds is None else f"~{duration(seconds)}"


def clock_time(unix_seconds: float, now: float, *, seconds: bool = True) -> str:
    """Return a local time: `14:32:10`, or `14:32`, on the day of `now`, else `Fri 14:32`."""
    moment = datetime.fromtimestamp(unix_seconds)
    if moment.date() == datetime.fromtimestamp(now).date():
        return moment.strftime("%H:%M:%S" if seconds else "%H:%M")
    return moment.strftime("%a %H:%M")


def count(number: int) -> str:
    """Return a whole number with thousands separators: `12,345`."""
    return f"{number:,}"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun: `1 file`, `1,204 files`."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """Return the first of some names and how many more there are: `a, b, c and 1,204 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {count(more)} more" if more > 0 else "")


def quantity(number: float | None) -> str:
    """Return a quantity in at most three significant digits: `0.52`, `38.2`, `12.3k`, `4.1M`."""
    if number is None:
        return NONE
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
        return NONE
    return f"{100 if fraction >= 1 else min(99, round(fraction * 100))}%"


def memory(used: int | None, total: int | None = None) -> str:
    """Return bytes as GiB, with the total where it is known: `12.3/80.0 GiB`."""
    if used is None:
        return NONE
    if total is None:
        return f"{used / 2**30:.1f} GiB"
    return f"{used / 2**30:.1f}/{total / 2**30:.1f} GiB"
