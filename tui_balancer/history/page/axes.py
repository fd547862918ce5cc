"""Where the marks of an axis stand."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from tui_balancer.formatting import duration, quantity

_STEPS: Final = tuple(
    float(seconds)
    for seconds in (
        *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30),
        *(60 * minutes for minutes in (1, 2, 5, 10, 20, 30)),
        *(3600 * hours for hours in (1, 2, 4, 6, 12, 24, 48, 96, 168)),
    )
)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark: its place in units of the picture, and what it says."""

    at: float
    text: str


def time_ticks(seconds: float, width: float, marks: int = 10) -> tuple[Tick, ...]:
    """Return at most about `marks` marks on round times, from 0."""
    step = next((one for one in _STEPS if seconds / one <= marks), _STEPS[-1])
    count = floor(seconds / step + 1e-9) if seconds > 0 else 0
    return tuple(
        Tick(place * step / seconds * width if seconds else 0.0, _time(place * step))
        for place in range(count + 1)
    )


def value_ticks(highest: float, height: float, marks: int = 4) -> tuple[Tick, ...]:
    """Return marks on round values from 0, of which the last is at or below the highest.

    Args:
        highest: The value at the top of the picture, above 0.
        height: Of the picture; values grow upwards, its units downwards.
        marks: How many there are at most, about.
    """
    step = _round_step(highest / marks)
    return tuple(
        Tick(height - place * step / highest * height, quantity(place * step))
        for place in range(floor(highest / step + 1e-9) + 1)
    )


def score_ticks(low: float, high: float, length: float, marks: int = 10) -> tuple[Tick, ...]:
    """Return marks on round values of an axis from `low` to `high`, which may be below 0."""
    step = _round_step((high - low) / marks)
    return tuple(
        Tick((place * step - low) / (high - low) * length, f"{place * step:.6g}")
        for place in range(ceil(low / step), floor(high / step) + 1)
    )


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20 … that is not less, or of 0.1, 0.2 and so on."""
    power = 10 ** floor(log10(least))
    return float(next(power * factor for factor in (1, 2, 5, 10) if least <= power * factor))


def _time(seconds: float) -> str:
    if seconds < 10 and seconds != round(seconds):
        return f"{seconds:.1f}s"
    return duration(seconds).removesuffix(" 00s").removesuffix(" 00m").removesuffix(" 00h")
