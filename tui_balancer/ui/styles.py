"""Lines of text in named tones, independent of the theme.

A line is a list of spans `(text, tone)`; the stylesheet gives every tone its colour through a
component class, so lines are plain data that tests can compare and themes can repaint.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui_balancer.ui.formatting import cut

Tone = Literal[
    "plain", "strong", "dim", "good", "fair", "bad", "accent", "badge", "chosen", "even", "odd"
]
TONE_CLASSES: Final = {f"tone--{tone}" for tone in get_args(Tone) if tone != "plain"}

Span = tuple[str, Tone]
Line = list[Span]


def line_width(line: Line) -> int:
    """Return the width of a line in terminal cells."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in line)


def plain(line: Line) -> str:
    """Return the text of a line."""
    return "".join(text for text, _ in line)


def fit(line: Line, width: int, *, right: bool = False) -> Line:
    """Return a line of exactly `width` cells: cut or padded at its end."""
    spare = width - line_width(line)
    if spare >= 0:
        filler: Span = (" " * spare, "plain")
        return [filler, *line] if right else [*line, filler]
    fitted: Line = []
    for text, tone in line:
        shown = cut(text, width)
        fitted.append((shown, tone))
        width -= cell_len(shown)
        if shown != text:
            break
    return fitted


def join(parts: list[Line], separator: str) -> Line:
    """Return the non-empty parts in one line with a dim separator between them."""
    joined: Line = []
    for part in parts:
        if part and joined:
            joined.append((separator, "dim"))
        joined += part
    return joined


def spread(width: int, separator: str, *layouts: tuple[list[Line], list[Line]]) -> Line:
    """Return a line with parts at the left and the right: the first layout that fits, or the last
    one, cut.

    Args:
        width: Cells of the line.
        separator: Between the parts of a side.
        layouts: Parts at the left and parts at the right, the fullest layout first.
    """
    start: Line = []
    end: Line = []
    for left, right in layouts:
        start, end = join(left, separator), join(right, separator)
        gap = width - line_width(start) - line_width(end)
        if gap >= (2 if end else 0):
            return [*start, (" " * gap, "plain"), *end]
    return fit([*start, ("  ", "plain"), *end], width)


_styles: dict[tuple[str, Style], dict[Tone, Style]] = {}
"""Cached styles by theme and base style: one is needed for every span of every line."""


def _added(widget: Widget, tone: Tone) -> Style:
    """Return the style of a tone: a component style of the screen, shared by its widgets."""
    if tone == "plain":
        return Style.null()
    style = widget.screen.get_component_rich_style(f"tone--{tone}")
    if tone in ("badge", "chosen"):
        return style
    return Style(color=style.color, bold=style.bold or None, dim=style.dim or None)


def to_strip(widget: Widget, line: Line, base: Style) -> Strip:
    """Return a line painted over a base style.

    Its screen must have `TONE_CLASSES` among its component classes.
    """
    styles = _styles.setdefault((widget.app.theme, base), {})
    # Output cost grows with the number of segments: neighbours of one style are joined.
    segments: list[Segment] = []
    run, style = "", base
    for text, tone in line:
        if not text:
            continue
        if tone not in styles:
            styles[tone] = base + _added(widget, tone)
        if styles[tone] != style and run:
            segments.append(Segment(run, style))
            run = ""
        run, style = run + text, styles[tone]
    if run:
        segments.append(Segment(run, style))
    return Strip(segments, line_width(line))
