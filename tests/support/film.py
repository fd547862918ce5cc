"""An animated SVG of a terminal: frames of styled lines that a browser plays without any script.

Frames lie side by side and a style sheet moves them past a window, as a film; a line that several
frames share is drawn once. Nothing is loaded from anywhere, so repositories show it as a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from textual.screen import Screen

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.0, 17, 13.3
"""Of a letter, in pixels."""

CAPTION_HEIGHT = 30
_FONT = "ui-monospace, 'DejaVu Sans Mono', 'Fira Code', Menlo, Consolas, monospace"

Row = tuple[Segment, ...]


@dataclass(frozen=True)
class Frame:
    """What a terminal shows for a while.

    Attributes:
        seconds: How long.
        rows: Its lines.
        caption: A word on what happens, under the terminal.
    """

    seconds: float
    rows: tuple[Row, ...]
    caption: str = ""


def seen_rows(screen: Screen[object]) -> tuple[Row, ...]:
    """Return the lines that a screen shows now."""
    strips = screen._compositor.render_strips()
    return tuple(tuple(Segment.simplify(strip)) for strip in strips)


def merged(frames: Sequence[Frame]) -> list[Frame]:
    """Return the frames with those that look like the one before joined to it."""
    kept: list[Frame] = []
    for frame in frames:
        if kept and (kept[-1].rows, kept[-1].caption) == (frame.rows, frame.caption):
            kept[-1] = Frame(kept[-1].seconds + frame.seconds, frame.rows, frame.caption)
        else:
            kept.append(frame)
    return kept


def paced(frames: Sequence[Frame], seconds: float) -> list[Frame]:
    """Return the frames played so that all of them take this time.

    Frames with a caption keep their pace: somebody reads it. The others are played faster.
    """
    read = sum(frame.seconds for frame in frames if frame.caption)
    others = sum(frame.seconds for frame in frames if not frame.caption)
    rate = max(0.0, seconds - read) / others if others else 1.0
    return [frame if frame.caption else Frame(frame.seconds * rate, frame.rows) for frame in frames]


def thinned(frames: Sequence[Frame], seconds: float) -> list[Frame]:
    """Return the frames with the last of those that come within so many seconds for all of them."""
    kept: list[Frame] = []
    for frame in merged(frames):
        if kept and kept[-1].seconds < seconds and kept[-1].caption == frame.caption:
            kept[-1] = Frame(kept[-1].seconds + frame.seconds, frame.rows, frame.caption)
        else:
            kept.append(frame)
    return kept


def svg(frames: Sequence[Frame], title: str) -> str:
    """Return the film as an SVG that plays for ever.

    Args:
        frames: All of one size, in their order.
        title: For those who do not see it.
    """
    columns = sum(segment.cell_length for segment in frames[0].rows[0])
    width, height = columns * CELL_WIDTH, len(frames[0].rows) * CELL_HEIGHT + CAPTION_HEIGHT
    numbers: dict[Row, int] = {}
    film = "".join(_frame(frame, place * width, numbers) for place, frame in enumerate(frames))
    lines = "".join(f'<g id="r{number}">{_line(row)}</g>' for row, number in numbers.items())
    total = sum(frame.seconds for frame in frames)
    steps, at = [], 0.0
    for place, frame in enumerate(frames):
        steps.append(f"{100 * at / total:.3f}%{{transform:translateX({-place * width:g}px)}}")
        at += frame.seconds
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height}" width="{width:g}" height="{height}" role="img">'
        f"<title>{escape(title)}</title>"
        f"<style>text{{font:{FONT_SIZE}px {_FONT};white-space:pre}}"
        f".b{{font-weight:bold}}.c{{font-size:15px;fill:#ffd75f}}"
        f".film{{animation:film {total:.2f}s step-end infinite}}"
        f"@keyframes film{{{''.join(steps)}}}</style>"
        f'<rect width="100%" height="100%" fill="#121212"/>'
        f'<defs>{lines}</defs><g class="film">{film}</g></svg>\n'
    )


def _frame(frame: Frame, left: float, numbers: dict[Row, int]) -> str:
    used = []
    for y, row in enumerate(frame.rows):
        number = numbers.setdefault(row, len(numbers))
        used.append(f'<use xlink:href="#r{number}" y="{y * CELL_HEIGHT}"/>')
    below = len(frame.rows) * CELL_HEIGHT + 0.7 * CAPTION_HEIGHT
    caption = f'<text class="c" x="10" y="{below:g}">{escape(frame.caption)}</text>'
    return f'<g transform="translate({left:g})">{"".join(used)}{caption}</g>'


def _line(row: Row) -> str:
    grounds, texts, cell = [], [], 0
    for text, style, _ in row:
        cells = cell_len(text)
        x, width = cell * CELL_WIDTH, cells * CELL_WIDTH
        cell += cells
        front, ground = _colours(style or Style.null())
        if ground:
            grounds.append(
                f'<rect x="{x:g}" width="{width + 0.5:g}" height="{CELL_HEIGHT}" fill="{ground}"/>'
            )
        if text.strip():
            bold = ' class="b"' if style and style.bold else ""
            texts.append(
                f'<text{bold} x="{x:g}" y="{0.76 * CELL_HEIGHT:g}" fill="{front}" '
                f'textLength="{width:g}" lengthAdjust="spacingAndGlyphs">'
                f"{escape(text)}</text>"
            )
    return "".join(grounds + texts)


def _colours(style: Style) -> tuple[str, str]:
    """Return the colours of letters and ground; empty for the terminal's own ground."""
    theme = DEFAULT_TERMINAL_THEME
    front = style.color.get_truecolor(theme).hex if style.color else "#e0e0e0"
    ground = style.bgcolor.get_truecolor(theme).hex if style.bgcolor else ""
    return (ground or "#121212", front) if style.reverse else (front, ground)
