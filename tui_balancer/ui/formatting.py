"""Formatting for the terminal: short names and numbers, bars made of characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from tui_balancer.formatting import count, estimate, quantity
from tui_balancer.ui import glyphs


def short_count(number: int) -> str:
    """Return a whole number in at most five cells: `9,999`, then `12.3k`."""
    return count(number) if number < 10_000 else quantity(number)


def fine_estimate(seconds: float | None) -> str:
    """Return an estimate of a short time, with a decimal if needed: `~0.4s`, `~5m 12s`."""
    if seconds is not None and 0 < seconds < 9.95:
        return f"~{seconds:.1f}s"
    return estimate(seconds)


def floating(operations: float) -> str:
    """Return a number of floating-point operations with its unit: `102 TFLOP`."""
    number = quantity(operations)
    return f"{number[:-1]} {number[-1]}FLOP" if number[-1:].isalpha() else f"{number} FLOP"


def shorten(name: str, width: int) -> str:
    """Return a name in at most `width` cells.

    Folders are dropped first; then the middle is cut, since both ends identify a file.
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


def device_label(device: str, width: int) -> str:
    """Return a device's id in at most `width` cells; the end of a node's name is kept."""
    if cell_len(device) <= width:
        return device
    return glyphs.ELLIPSIS[:width] + device[len(device) - max(0, width - 1) :]


def device_width(devices: Iterable[str]) -> int:
    """Return the width of a device column in cells: wider if devices have node names."""
    return min(16, max(7, *map(len, devices), 0))


def cut(text: str, width: int) -> str:
    """Return a text in at most `width` cells, cut at its end."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)) + glyphs.ELLIPSIS[:width]


def bar(fraction: float, width: int) -> tuple[str, str]:
    """Return the filled part and the rest of a bar of `width` cells, in half-cell steps."""
    halves = round(max(0.0, min(1.0, fraction)) * width * 2)
    filled = glyphs.BAR * (halves // 2) + (glyphs.HALF_BAR if halves % 2 else "")
    return filled, glyphs.TRACK * (width - len(filled))


def sparkline(samples: Sequence[float], width: int) -> str:
    """Return the newest samples as a sparkline, one cell each, the newest at the right.

    The highest sample fills its cell; missing samples are blank.
    """
    shown = samples[-width:]
    highest = max(shown, default=0.0)
    steps = len(glyphs.SPARKS) - 1
    bars = "".join(
        glyphs.SPARKS[round(sample / highest * steps) if highest > 0 else 0] for sample in shown
    )
    return bars.rjust(width)
